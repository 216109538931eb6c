// Command tiles checks a log that was exported as a C2SP tlog-tiles directory, with code nobody here wrote: the
// signatures, the Merkle tree and the proofs are those of golang.org/x/mod/sumdb, as Go's checksum database has them.
//
// With Debian's golang-go and golang-golang-x-mod-dev it runs as
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go run tiles.go VKEY DIR [OLDER_CHECKPOINT_FILE...]
//
// and prints one line that starts with "ok:", or says on stderr what failed and exits with 1. See README.md.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	height = 8           // of a tile
	width  = 1 << height // of a full tile, and of a full bundle

	bundles = -1 // the level of bundles of entries, as sumdb has it

	// Up to this many entries, inclusion of each one is proved; above, of about as many, evenly spread.
	maxProofs = 2000

	// Sumdb counts all hashes of a tree in an int64, and does not come back from sizes near the end of its range.
	maxSize = 1 << 48
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "failed: usage: tiles VKEY DIR [OLDER_CHECKPOINT_FILE...]")
		os.Exit(1)
	}
	summary, err := verify(os.Args[1], os.Args[2], os.Args[3:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "failed: %v\n", err)
		os.Exit(1)
	}
	fmt.Println("ok: " + summary)
}

func verify(vkey, dir string, older []string) (string, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return "", fmt.Errorf("the verifier key: %w", err)
	}
	tree, err := openCheckpoint(filepath.Join(dir, "checkpoint"), verifier)
	if err != nil {
		return "", err
	}

	log := &directory{dir: dir, tiles: map[tlog.Tile][]byte{}}
	authentic := tlog.TileHashReader(tree, log)
	step := (tree.N + maxProofs - 1) / maxProofs
	rebuilt, err := checkEntries(log, tree, authentic, step)
	if err != nil {
		return "", err
	}
	beyond, err := checkFiles(log, tree.N, rebuilt)
	if err != nil {
		return "", err
	}
	for _, path := range older {
		if err := checkOlder(path, verifier, tree, authentic); err != nil {
			return "", err
		}
	}

	summary := fmt.Sprintf("%s, %d entries, %d older checkpoints consistent", verifier.Name(), tree.N, len(older))
	if step > 1 {
		summary += fmt.Sprintf("; inclusion was proved for one entry in %d and the last", step)
	}
	if beyond > 0 {
		summary += fmt.Sprintf("; %d files under tile/ reach beyond the checkpoint", beyond)
	}
	return summary, nil
}

// openCheckpoint returns the tree of a checkpoint that the verifier's key signed. Its body is the origin, the size and
// the root, a line each. An empty tree is checked here, since sumdb knows none.
func openCheckpoint(path string, verifier note.Verifier) (tlog.Tree, error) {
	fail := func(format string, args ...interface{}) (tlog.Tree, error) {
		return tlog.Tree{}, fmt.Errorf("%s: %w", path, fmt.Errorf(format, args...))
	}
	message, err := os.ReadFile(path)
	if err != nil {
		return tlog.Tree{}, err
	}
	signed, err := note.Open(message, note.VerifierList(verifier))
	if err != nil {
		return fail("%w", err)
	}
	// The package overlooks the unused bits at the end of the base64 of a signature.
	for _, signature := range signed.Sigs {
		if _, err := decodeExactly(signature.Base64); err != nil {
			return fail("the signature: %w", err)
		}
	}

	lines := strings.Split(signed.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return fail("the body is not three lines: %q", signed.Text)
	}
	if lines[0] != verifier.Name() {
		return fail("the origin is %q, the key is that of %q", lines[0], verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return fail("%q is no size", lines[1])
	}
	if size > maxSize {
		return fail("%d entries are more than can be checked", size)
	}
	root, err := decodeExactly(lines[2])
	if err != nil {
		return fail("the root: %w", err)
	}
	if len(root) != tlog.HashSize {
		return fail("the root has %d bytes, not %d", len(root), tlog.HashSize)
	}
	tree := tlog.Tree{N: size}
	copy(tree.Hash[:], root)
	if size == 0 && tree.Hash != sha256.Sum256(nil) {
		return fail("the root of an empty log is not the hash of nothing")
	}
	return tree, nil
}

// decodeExactly reads base64 that is what encoding the bytes again would give.
func decodeExactly(text string) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	if base64.StdEncoding.EncodeToString(data) != text {
		return nil, fmt.Errorf("%q is not how its bytes are written in base64", text)
	}
	return data, nil
}

// checkEntries compares every entry with the leaf hash that the tiles authenticate, proves inclusion of every step-th
// and of the last, and compares the root that all entries give with the signed one. It returns all hashes of the tree
// so found, in sumdb's order of storage.
//
// The last comparison is not idle. TileHashReader, as Debian 12 has it, leaves up to two tiles of a call unchecked
// (CVE-2026-56865), so an altered entry with an altered tile can pass the first one.
func checkEntries(log *directory, tree tlog.Tree, authentic tlog.HashReader, step int64) (stored, error) {
	var rebuilt stored
	for start := int64(0); start < tree.N; start += width {
		count := least(width, tree.N-start)
		bundle := tlog.Tile{H: height, L: bundles, N: start / width, W: int(count)}
		entries, err := log.readBundle(bundle)
		if err != nil {
			return nil, err
		}
		indexes := make([]int64, count)
		for i := range indexes {
			indexes[i] = tlog.StoredHashIndex(0, start+int64(i))
		}
		leaves, err := authentic.ReadHashes(indexes)
		if err != nil {
			return nil, fmt.Errorf("tiles over entries %d to %d: %w", start, start+count-1, err)
		}
		for i, entry := range entries {
			n := start + int64(i)
			hash := tlog.RecordHash(entry)
			if hash != leaves[i] {
				return nil, fmt.Errorf("entry %d, in %s, does not have the leaf hash in the tree", n, layout(bundle))
			}
			if n%step == 0 || n == tree.N-1 {
				if err := checkInclusion(tree, n, hash, authentic); err != nil {
					return nil, fmt.Errorf("inclusion of entry %d: %w", n, err)
				}
			}
			hashes, err := tlog.StoredHashesForRecordHash(n, hash, rebuilt)
			if err != nil {
				return nil, err
			}
			rebuilt = append(rebuilt, hashes...)
		}
	}
	if tree.N > 0 {
		root, err := tlog.TreeHash(tree.N, rebuilt)
		if err != nil {
			return nil, err
		}
		if root != tree.Hash {
			return nil, errors.New("the entries do not give the signed root")
		}
	}
	return rebuilt, nil
}

func checkInclusion(tree tlog.Tree, n int64, hash tlog.Hash, authentic tlog.HashReader) error {
	proof, err := tlog.ProveRecord(tree.N, n, authentic)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, n, hash)
}

// checkOlder proves that the tree has that of an older checkpoint as its start.
func checkOlder(path string, verifier note.Verifier, tree tlog.Tree, authentic tlog.HashReader) error {
	old, err := openCheckpoint(path, verifier)
	if err != nil {
		return err
	}
	switch {
	case old.N > tree.N:
		return fmt.Errorf("%s: its size is %d, larger than %d", path, old.N, tree.N)
	case old.N == tree.N:
		if old.Hash != tree.Hash {
			return fmt.Errorf("%s: another root for the same size, %d", path, tree.N)
		}
	case old.N > 0: // Every tree starts with the empty one.
		proof, err := tlog.ProveTree(tree.N, old.N, authentic)
		if err == nil {
			err = tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash)
		}
		if err != nil {
			return fmt.Errorf("%s: from size %d to %d: %w", path, old.N, tree.N, err)
		}
	}
	return nil
}

// checkFiles compares every tile and bundle in the directory with the tree that the entries gave: those the current
// size has no need of too, such as the partial tiles of former sizes. It returns how many reach beyond the tree, where
// there is nothing to compare with.
func checkFiles(log *directory, size int64, rebuilt stored) (beyond int, err error) {
	root := filepath.Join(log.dir, "tile")
	if _, err := os.Stat(root); size == 0 && errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	err = filepath.WalkDir(root, func(path string, file fs.DirEntry, err error) error {
		if err != nil || file.IsDir() {
			return err
		}
		name, err := filepath.Rel(log.dir, path)
		if err != nil {
			return err
		}
		tile, err := parseLayout(filepath.ToSlash(name))
		if err != nil {
			return err
		}

		var hashes []tlog.Hash // what the file says
		level := 0             // of those, in the tree
		if tile.L == bundles {
			entries, err := log.readBundle(tile)
			if err != nil {
				return err
			}
			for _, entry := range entries {
				hashes = append(hashes, tlog.RecordHash(entry))
			}
		} else {
			data, err := log.readTile(tile)
			if err != nil {
				return err
			}
			for ; len(data) > 0; data = data[tlog.HashSize:] {
				var hash tlog.Hash
				copy(hash[:], data)
				hashes = append(hashes, hash)
			}
			level = height * tile.L
		}
		for i, hash := range hashes {
			n := tile.N*width + int64(i)
			if n >= size>>uint(level) {
				beyond++
				break
			}
			if hash != rebuilt[tlog.StoredHashIndex(level, n)] {
				return fmt.Errorf("%s: place %d does not have the hash in the tree", name, i)
			}
		}
		return nil
	})
	return beyond, err
}

// stored is all hashes of a tree, in sumdb's order of storage.
type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		hashes[i] = s[index]
	}
	return hashes, nil
}

// directory is a tlog-tiles directory. It is a tlog.TileReader, and keeps the tiles it has read.
type directory struct {
	dir   string
	tiles map[tlog.Tile][]byte
}

func (d *directory) Height() int { return height }

func (d *directory) SaveTiles([]tlog.Tile, [][]byte) {}

func (d *directory) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, len(tiles))
	for i, tile := range tiles {
		data, ok := d.tiles[tile]
		if !ok {
			var err error
			if data, err = d.readTile(tile); err != nil {
				return nil, err
			}
			d.tiles[tile] = data
		}
		all[i] = data
	}
	return all, nil
}

// readTile reads the hashes of a tile.
func (d *directory) readTile(tile tlog.Tile) ([]byte, error) {
	data, found, err := d.readFile(tile)
	if err != nil {
		return nil, err
	}
	if len(data) != found.W*tlog.HashSize {
		return nil, fmt.Errorf("%s: %d bytes, not %d", layout(found), len(data), found.W*tlog.HashSize)
	}
	return data[:tile.W*tlog.HashSize], nil
}

// readBundle reads the entries of a bundle: a length of two bytes before each, and nothing after the last.
func (d *directory) readBundle(bundle tlog.Tile) ([][]byte, error) {
	data, found, err := d.readFile(bundle)
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	rest := bytes.NewBuffer(data)
	for len(entries) < found.W {
		prefix := rest.Next(2)
		if len(prefix) < 2 {
			return nil, fmt.Errorf("%s: ends after %d of %d entries", layout(found), len(entries), found.W)
		}
		length := int(binary.BigEndian.Uint16(prefix))
		entry := rest.Next(length)
		if len(entry) < length {
			return nil, fmt.Errorf("%s: ends within entry %d of %d", layout(found), len(entries)+1, found.W)
		}
		entries = append(entries, entry)
	}
	if rest.Len() > 0 {
		return nil, fmt.Errorf("%s: %d bytes after its %d entries", layout(found), rest.Len(), found.W)
	}
	return entries[:bundle.W], nil
}

// readFile reads the file of a tile or bundle; or, where a partial one is missing, that of the full one. It says which.
func (d *directory) readFile(tile tlog.Tile) ([]byte, tlog.Tile, error) {
	data, err := os.ReadFile(filepath.Join(d.dir, filepath.FromSlash(layout(tile))))
	if errors.Is(err, fs.ErrNotExist) && tile.W < width {
		full := tile
		full.W = width
		if data, fullErr := os.ReadFile(filepath.Join(d.dir, filepath.FromSlash(layout(full)))); fullErr == nil {
			return data, full, nil
		}
	}
	return data, tile, err
}

// layout is the path of a tile or bundle in a tlog-tiles directory. Sumdb's own paths have the height before the level,
// and call entries data; groups of three digits and partial tiles are written alike.
func layout(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height))
	if tile.L == bundles {
		path = "entries/" + strings.TrimPrefix(path, "data/")
	}
	return "tile/" + path
}

// parseLayout is the inverse of layout, and takes no other spelling.
func parseLayout(name string) (tlog.Tile, error) {
	path := strings.TrimPrefix(name, "tile/")
	if entries := strings.TrimPrefix(path, "entries/"); entries != path {
		path = "data/" + entries
	}
	tile, err := tlog.ParseTilePath(fmt.Sprintf("tile/%d/%s", height, path))
	// Sumdb's numbers have no bound; no tree has levels or tiles as high as these.
	if err != nil || layout(tile) != name || tile.L > 63/height || tile.N < 0 || tile.N >= 1<<(63-height) {
		return tlog.Tile{}, fmt.Errorf("%s: neither a tile nor a bundle of entries", name)
	}
	return tile, nil
}

func least(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}
