//! What the program refuses in words of its own: each met as a user meets it, with how it ends and what it advises.

use std::fs;
use std::path::Path;

use crate::desk::Desk;
use crate::forger::{edit, events, put, rehash};

mod beside;

/// How a command ends that is refused, the first line of what it says, and a part of the rest: evidence, or advice.
type Case<'c> = (&'c [&'c str], i32, &'c str, &'c str);

#[track_caller]
fn refused(desk: &Desk, cases: &[Case<'_>]) {
    for (args, status, message, more) in cases {
        let (code, said) = desk.refused(args);
        assert_eq!(code, Some(*status), "{args:?}: {said}");
        assert!(said.starts_with(&format!("error: {message}")), "{args:?}: {message} in {said}");
        assert!(said.contains(more), "{args:?}: {more} in {said}");
    }
}

/// A log of its genesis and one event, of this origin.
fn desk(origin: &str) -> Desk {
    let desk = Desk::new();
    desk.ok(&["init", "--origin", origin]);
    desk.ok(&["append", "note", "--id", "n", "--text", "t"]);
    desk
}

fn read(desk: &Desk, name: &str) -> String {
    fs::read_to_string(desk.path().join(name)).unwrap()
}

#[test]
fn what_is_asked_of_no_log() {
    let desk = Desk::new();
    refused(
        &desk,
        &[
            (&["replay"], 2, "there is no log in log", "demarche init --origin"),
            (&["vocab", "stances"], 2, "there is no list \"stances\"", "did you mean stance?"),
            (
                &["schema", "verifi"],
                2,
                "no command prints a shape \"verifi\"",
                "did you mean verify?",
            ),
            (&["schema", "zzzzzzzz"], 2, "no command prints a shape", "list them: demarche schema"),
            (&["restore", "gone"], 2, "gone cannot be read: ", "look at its name"),
            (&["verify", "gone"], 2, "gone cannot be read: ", "look at its name"),
            (&["check", "gone"], 2, "gone cannot be read: ", "look at its name"),
            (&["append", "gone"], 2, "gone cannot be read: ", "look at its name"),
            (&["check", "."], 2, ". cannot be read: ", "a file is meant"),
        ],
    );
    assert!(!desk.path().join("log").exists(), "nothing is made");
}

#[test]
fn what_is_appended_from_flags() {
    let desk = desk("example.org/desk");
    desk.write("x.jsonl", "{\"kind\":\"note\",\"text\":\"t\"}\n");
    let actor = ["append", "actor", "--id", "a", "--name", "A", "--type", "person"];
    let both = ["append", "x.jsonl", "note", "--text", "t"];
    refused(
        &desk,
        &[
            (&["append"], 2, "there is nothing to append", "demarche append statement --help"),
            (
                &["append", "statement"],
                2,
                "the event is empty: no field is given",
                "demarche append statement --help",
            ),
            (&["append", "note"], 2, "the event is empty: no field is given", "append note --help"),
            (&both, 2, "both a file and a kind of event are given", ""),
            (
                &["append", "statemnt"],
                2,
                "statemnt cannot be read: ",
                "the kind of event statement",
            ),
            (
                &[&actor[..], &["--ids", "wikidata"]].concat(),
                2,
                "--ids \"wikidata\" is no SCHEME=ID",
                "--ids wikidata=Q668",
            ),
            (
                &[&actor[..], &["--part-of", "in=2020-01-01"]].concat(),
                2,
                "--part-of \"in=2020-01-01\" says neither since nor until",
                "--part-of in=2020-01-01/",
            ),
            (
                &["append", "statment", "--by", "in"],
                2,
                "unexpected argument '--by'",
                "did you mean the kind of event statement?",
            ),
            (
                &["append", "note", "--id", "Marco Rubio", "--text", "t"],
                2,
                "the event is refused; nothing was appended",
                "an id is like marco-rubio",
            ),
            (
                &["append", "statement", "--quote", "x"],
                2,
                "--quote \"x\" belongs to no --cite",
                "name the source first",
            ),
        ],
    );
    assert_eq!(desk.json(&["replay", "--json"])["head"]["size"], 2);
    desk.ok(&["append", "note", "--id", "n", "--text", "t"]);
    desk.is_refused(
        &["append", "correction", "--of", "n", "--field", "date", "--to", "2025"],
        2,
        "a note has no such field",
        "demarche append note --help",
    );
}

/// What would break: an event that was taken back would pass for one that counts.
#[test]
fn what_is_already_there_and_taken_back_is_said_to_be() {
    let desk = desk("example.org/desk");
    let again = ["append", "note", "--id", "n", "--text", "t"];
    let said = || {
        let output = desk.run(&again);
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8(output.stdout).unwrap().starts_with("already there: note n"));
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(said(), "");
    desk.ok(&["append", "retraction", "--id", "r", "--of", "n", "--by", "recorder"]);
    let warned = said();
    assert!(warned.contains("n is already there, and counts in no answer: taken back"), "{warned}");
    assert!(warned.contains("append it under another id"), "{warned}");
    desk.ok(&["append", "retraction", "--of", "r", "--by", "recorder"]);
    assert_eq!(said(), "");
    // Of many the first are named, and the rest counted.
    let note = |at| format!("{{\"kind\":\"note\",\"id\":\"n{at}\",\"text\":\"t\"}}\n");
    let back = |at| format!("{{\"kind\":\"retraction\",\"of\":\"n{at}\",\"by\":\"source\"}}\n");
    desk.write("notes", &(0..22).map(note).collect::<String>());
    desk.write("back", &(1..22).map(back).collect::<String>());
    desk.ok(&["append", "notes"]);
    desk.ok(&["append", "back"]);
    let (_, warned) = desk.refused(&["append", "notes", "--json"]);
    assert_eq!(warned.matches("is already there").count(), 20, "{warned}");
    assert!(warned.contains("and 1 more are already there"), "{warned}");
}

/// What would break: what is left to be put right would look like all there is.
#[test]
fn hints_that_are_not_shown_are_counted() {
    let desk = desk("example.org/desk");
    let line = |at| format!("{{\"kind\":\"note\",\"text\":\"t\",\"topic\":\"t{at}\"}}\n");
    desk.write("five", &(0..5).map(line).collect::<String>());
    desk.write("seven", &(0..7).map(line).collect::<String>());
    assert!(!desk.refused(&["append", "five"]).1.contains("more, once"));
    desk.is_refused(&["append", "seven"], 2, "--id t4 ", "hint: and 2 more, once");
}

#[test]
fn a_flag_that_takes_several_values_says_so() {
    let desk = desk("example.org/desk");
    let help = desk.ok(&["append", "statement", "--help"]);
    let spoken = help.lines().find(|line| line.trim_start().starts_with("--by ")).unwrap();
    assert!(spoken.ends_with("may be given more than once"), "{spoken}");
    let statement = ["append", "statement", "--by", "new-man,pk"];
    let each = "give each by itself: --by new-man --by pk";
    desk.is_refused(&statement, 2, "there is no actor \"new-man,pk\"", each);
}

#[test]
fn names_and_dates_that_lead_nowhere() {
    let desk = Desk::demo();
    let topic = "pahalgam-attack";
    let gantt = ["measures", "--gantt", "--from", "2025-05-02", "--to", "2025-05-01"];
    let pair = ["diff", "--from", "2025-05-02", "--to", "2025-05-01"];
    let neither = "pahalgam-attack is neither a measure, an actor nor a statement on a topic";
    refused(
        &desk,
        &[
            (&["show", "nothing"], 2, "there is no event or measure \"nothing\"", "demarche list"),
            (&["show", "pahalgam-atack"], 2, "there is no event or measure", "did you mean"),
            (
                &["explain", "zzzzzzzzzz"],
                2,
                "there is no measure or actor \"zzzzzzzzzz\"",
                "demarche measures",
            ),
            (&["explain", topic], 2, neither, "demarche show pahalgam-attack"),
            (
                &["explain", "indus-waters-treaty-suspension", topic],
                2,
                "a topic is given, and indus-waters-treaty-suspension is no actor",
                "demarche explain indus-waters-treaty-suspension",
            ),
            (
                &["list", "--kind", "statment"],
                2,
                "there is no kind of event \"statment\"",
                "did you mean statement?",
            ),
            (
                &["timeline", "--actor", "zzzzzzzzzz"],
                2,
                "there is no actor \"zzzzzzzzzz\" in the log",
                "demarche list",
            ),
            (
                &["timeline", "--topic", "pahalgam-atack"],
                2,
                "there is no topic \"pahalgam-atack\" in the log",
                "did you mean",
            ),
            (
                &["replay", "--tz", "Mars/Olympus"],
                2,
                "there is no time zone \"Mars/Olympus\"",
                "IANA",
            ),
            (&gantt, 2, "--from 2025-05-02 is after --to 2025-05-01", "the earlier date"),
            (
                &["timeline", "--from", "2025-05-02", "--to", "2025-05-01"],
                2,
                "--from 2025-05-02 is after --to 2025-05-01",
                "the earlier date comes first",
            ),
            (
                &["list", "--from", "2025-05-02", "--to", "2025-05-01"],
                2,
                "--from 2025-05-02 is after --to 2025-05-01",
                "the earlier date comes first",
            ),
            (
                &["diff", "--from", "2025-13-01", "--to", "2025-05-01"],
                2,
                "--from \"2025-13-01\": ",
                "2025-04-24",
            ),
            (
                &["diff", "--recorded-from", "2025-01-01", "--recorded-to", "2025-13-01"],
                2,
                "--recorded-to \"2025-13-01\": ",
                "",
            ),
            (&pair, 2, "2025-05-02 is after 2025-05-01", "the earlier date comes first"),
            (&["diff"], 2, "a diff is between two dates of one clock", "what we learnt"),
            (
                &["prove", "@1", "--to", "2025-05-01"],
                2,
                "an event is proved as it stands, at no date",
                "--for-answer",
            ),
        ],
    );
}

/// What would break: the id itself would be offered in its place, or ids of another kind, which are refused the same.
#[test]
fn an_id_of_another_kind_is_said_to_be_that() {
    let desk = desk("example.org/desk");
    desk.write(
        "x.jsonl",
        r#"{"kind":"actor","id":"speaker-two","name":"Second"}
           {"kind":"statement","id":"speaker-one","by":"speaker-two","stance":"opposes"}
           {"kind":"measure","id":"freeze-a","measure":"freeze-m","op":"impose"}"#,
    );
    desk.ok(&["append", "x.jsonl"]);
    let statement = "speaker-one is a statement";
    for (args, what, hint) in [
        (["timeline", "--actor", "speaker-one"], statement, "did you mean speaker-two?"),
        (["list", "--measure", "speaker-one"], statement, "demarche list --kind measure"),
        (["positions", "--topic", "freeze-m"], "freeze-m is a measure", "list --kind topic"),
        (
            ["list", "--measure", "freeze-a"],
            "freeze-a is a step of the measure freeze-m",
            "did you mean freeze-m?",
        ),
    ] {
        desk.is_refused(&args, 2, what, hint);
    }
    desk.is_refused(&["contacts", "speaker-one"], 2, statement, "demarche list");
    let near = "did you mean freeze-m?";
    desk.is_refused(&["explain", "freeze-b"], 2, "there is no measure or actor", near);
}

#[test]
fn a_measure_where_an_event_is_asked_for() {
    let desk = Desk::demo();
    let measure = "indus-waters-treaty-suspension";
    let steps = desk.json(&["show", measure, "--json"])["events"].as_array().unwrap().len();
    desk.ok(&["append", "measure", "--measure", measure, "--op", "extend"]);
    desk.ok(&["checkpoint"]);
    let of = format!("\"{measure}\" is a measure of {} events", steps + 1);
    let erase = format!("\"{measure}\" is a measure, not an event");
    refused(
        &desk,
        &[
            (&["prove", measure], 2, &of, "name one of them: "),
            (&["erase", measure, "--why", "asked"], 2, &erase, "name its events: "),
            (&["erase", "@1", "--why", " "], 2, "--why is empty", "recorded with its reason"),
        ],
    );
    for more in [
        &["mention"][..],
        &["correction", "--field", "when", "--to", "2025"],
        &["retraction", "--by", "recorder"],
    ] {
        let args = [&["append"], more, &["--of", measure]].concat();
        desk.is_refused(&args, 2, &format!("of: {erase}"), "name one of its events: ");
    }
}

#[test]
fn files_that_are_something_else() {
    let desk = desk("example.org/desk");
    desk.ok(&["checkpoint", "--out", "note"]);
    desk.ok(&["export", "--out", "e.jsonl"]);
    desk.write("none", "x\n");
    refused(
        &desk,
        &[
            (
                &["verify", "log"],
                2,
                "log is a directory, not an export",
                "demarche verify --log log",
            ),
            (&["verify", "note"], 2, "note is no export", "demarche verify --checkpoint FILE"),
            (&["verify", "/dev/null"], 2, "/dev/null is not a regular file", "into a file"),
            (
                &["verify", "--checkpoint", "none"],
                2,
                "none is no checkpoint: ",
                "demarche checkpoint",
            ),
            (&["verify", "--policy", "none"], 2, "none is no policy: line 1: ", "quorum NAME"),
            (&["check", "e.jsonl"], 2, "that is an export, not a proof", "demarche verify FILE"),
            (&["check", "note"], 2, "that is a checkpoint, not a proof", ""),
            (&["export", "--out", "e.jsonl"], 2, "e.jsonl exists already", "name another file"),
            (
                &["export", "--out", "no/e.jsonl"],
                2,
                "no/e.jsonl cannot be written: ",
                "make its directory first",
            ),
            (
                &["checkpoint", "--out", "no/note"],
                2,
                "no/note cannot be written: ",
                "it was signed, and is kept in the journal",
            ),
            (&["verify", "--checkpoint", "log"], 2, "log cannot be read: ", "a file is meant"),
            (&["append", "/dev/zero"], 2, "the input cannot be read: ", "JSON lines"),
            (&["restore", "e.jsonl"], 2, "there is a log in log already", "--log NEW_DIR"),
            (&["anchor", "add", "none"], 1, "the response is of no use: ", "openssl ts"),
        ],
    );
    let changed =
        read(&desk, "e.jsonl").replacen("\\\"text\\\":\\\"t\\\"", "\\\"text\\\":\\\"u\\\"", 1);
    desk.write("changed.jsonl", &changed);
    let restore: &[&str] = &["restore", "changed.jsonl", "--log", "again"];
    let said = "the export does not verify; nothing was restored";
    refused(&desk, &[(restore, 1, said, "another copy of the export")]);
}

/// What would break, besides: tiles would be written through a link to where nobody meant them to be.
#[test]
fn tiles_of_another_log_or_beside_other_files() {
    let desk = desk("example.org/desk");
    let tiles = |out| ["export", "--format", "tiles", "--out", out];
    let sealed = ["export", "--format", "tiles", "--include-sealed", "--out", "tiles"];
    fs::create_dir(desk.path().join("files")).unwrap();
    desk.write("files/theirs", "x");
    refused(
        &desk,
        &[
            (
                &["export", "--format", "tiles"],
                2,
                "tiles are many files, so they need a directory",
                "--out DIR",
            ),
            (&sealed, 2, "tiles hold headers alone, so no sealed part", "demarche disclose ID"),
            (&tiles("tiles"), 2, "no checkpoint was signed", "sign one first: demarche checkpoint"),
        ],
    );
    desk.ok(&["checkpoint"]);
    let other = "files holds something else than an export";
    refused(&desk, &[(&tiles("files"), 2, other, "name an empty directory")]);
    #[cfg(unix)]
    {
        for directory in ["linked", "elsewhere"] {
            fs::create_dir(desk.path().join(directory)).unwrap();
        }
        std::os::unix::fs::symlink("../elsewhere", desk.path().join("linked/tile")).unwrap();
        refused(&desk, &[(&tiles("linked"), 2, "linked/tile is a link", "take the link away")]);
        assert_eq!(fs::read_dir(desk.path().join("elsewhere")).unwrap().count(), 0);
    }
    desk.ok(&tiles("tiles"));
    let tile = desk.path().join("tiles/tile/0/000.p/2");
    let kept = fs::read(&tile).unwrap();
    fs::write(&tile, "other").unwrap();
    let other = "tiles/tile/0/000.p/2 was published with other bytes";
    refused(&desk, &[(&tiles("tiles"), 1, other, "this log forks")]);
    fs::write(&tile, kept).unwrap();
    let elsewhere = ["--log", "other"];
    desk.ok(&[&["init", "--origin", "example.org/other"], &elsewhere[..]].concat());
    desk.ok(&[&["checkpoint"], &elsewhere[..]].concat());
    let said = "tiles/checkpoint holds 2 events of example.org/desk, this log has a checkpoint of 1 of example.org/other";
    let args = [&tiles("tiles")[..], &elsewhere].concat();
    refused(&desk, &[(&args, 1, said, "see whether this log was cut")]);
}

#[test]
fn a_log_that_was_changed_after_it_signed() {
    let desk = desk("example.org/desk");
    desk.ok(&["checkpoint"]);
    let mut all = events(&desk);
    edit(&mut all[1], "\"text\":\"t\"", "\"text\":\"u\"");
    rehash(&mut all);
    put(&desk, &all, &[]);
    let signed = "the log does not extend the checkpoint that was signed last; nothing was signed";
    refused(
        &desk,
        &[
            (
                &["prove", "n"],
                1,
                "the log does not extend line 2 of its journal",
                "demarche verify",
            ),
            (&["checkpoint"], 1, signed, ""),
        ],
    );
}

#[test]
fn proofs_that_do_not_hold() {
    let desk = Desk::demo();
    let key = desk.ok(&["key", "--vkey"]);
    let replay = ["replay", "--to", "2025-05-01", "--proof"];
    desk.ok(&[&replay[..], &["unsigned"]].concat());
    let proof = read(&desk, "unsigned");
    let (claim, rest) = proof.split_once('\n').unwrap();
    let spoiled =
        |name: &str, claim: String, rest: &str| desk.write(name, &format!("{claim}\n{rest}"));
    spoiled("lied", claim.replacen("\"status\":\"in_force\"", "\"status\":\"revoked\"", 1), rest);
    let (before, question) = claim.split_once("\"question\":{").unwrap();
    let (_, after) = question.split_once('}').unwrap();
    spoiled("unasked", format!("{before}\"question\":{{}}{after}"), rest);
    spoiled("changed", claim.to_owned(), &rest.replacen("India", "Indra", 1));
    let unsigned = "there is no signed checkpoint in the proof, so the policy cannot be met";
    refused(
        &desk,
        &[
            (&["check", "unsigned", "--vkey", key.trim()], 1, unsigned, "demarche checkpoint"),
            (&["check", "lied"], 1, "the proof does not hold: its events give another answer", ""),
            (
                &["check", "unasked"],
                1,
                "the proof does not hold: its question makes no sense",
                "the proof does not say what was asked",
            ),
            (&["check", "changed"], 1, "the proof does not hold: event ", "ask its author"),
        ],
    );
}

#[test]
fn sealed_parts_that_are_not_there() {
    let desk = desk("example.org/desk");
    desk.write("s.jsonl", r#"{"kind":"note","id":"s","text":"t","sealed":{"by":"N. N."}}"#);
    desk.ok(&["append", "s.jsonl"]);
    desk.ok(&["export", "--out", "e.jsonl"]);
    desk.ok(&["restore", "e.jsonl", "--log", "again"]);
    let disclose = |id| ["disclose", id, "--out", "p"];
    let again = [&disclose("s")[..], &["--log", "again"]].concat();
    refused(
        &desk,
        &[
            (&disclose("n"), 2, "n has no sealed part", "demarche prove n"),
            (&again, 2, "the sealed part of s is not there", "without sealed parts"),
        ],
    );
    // What would break: who asked for the sealed part would be told to ask for it.
    let here = "it has a sealed part; --sealed shows it";
    let absent = "its sealed part is not in this copy of the log";
    assert!(desk.ok(&["show", "s"]).contains(here));
    for args in [&["show", "s", "--log", "again"][..], &["show", "s", "--log", "again", "--sealed"]]
    {
        let shown = desk.ok(args);
        assert!(shown.contains(absent) && !shown.contains(here), "{shown}");
    }
}

#[test]
fn a_tour_in_a_log_of_ones_own() {
    let desk = desk("example.org/desk");
    let said = "the log in log is example.org/desk, not the demonstration's";
    refused(&desk, &[(&["demo"], 2, said, "demarche demo --log DIR")]);
}

/// What would break: the checkpoint is signed before it is seen that its file cannot be made.
#[test]
fn a_file_that_is_there_keeps_a_checkpoint_from_being_signed() {
    let desk = desk("example.org/desk");
    desk.write("note", "theirs");
    let note = ["checkpoint", "--out", "note"];
    refused(&desk, &[(&note, 2, "note exists already", "name another file")]);
    let journal = read(&desk, "log/journal/example.org%2Fdesk.jsonl");
    assert_eq!(journal.lines().count(), 1, "nothing was signed");
}

#[test]
#[cfg(unix)]
fn a_directory_that_cannot_be_written_is_not_taken_for_the_logs() {
    use std::os::unix::fs::PermissionsExt;
    let desk = desk("example.org/desk");
    let theirs = desk.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    let mode = |mode| fs::set_permissions(&theirs, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o500);
    let output = desk.run_without_rights(&["export", "--out", "theirs/e.jsonl"]);
    mode(0o700);
    let Some(output) = output else { return };
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("name a place where you may write"), "{said}");
    assert!(!said.contains("--log DIR"), "{said}");
}

/// What would break: whoever has no log yet is told to copy it; or one place is named, and another is at fault.
#[test]
#[cfg(unix)]
fn places_where_no_log_can_be_made() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let desk = desk("example.org/desk");
    desk.ok(&["export", "--out", "e.jsonl"]);
    desk.ok(&["backup", "kept"]);
    symlink("gone", desk.path().join("link")).unwrap();
    for (log, said, hint) in [
        ("link", "link is a link that leads nowhere", "mount that"),
        ("link/log", "link is a link that leads nowhere", "remove the link"),
        ("e.jsonl", "e.jsonl is a file, not a directory", "--log DIR"),
        ("e.jsonl/log", "e.jsonl is a file, not a directory", "--log DIR"),
    ] {
        let make = [
            &["init", "--origin", "example.org/new", "--key", "new.key"][..],
            &["restore", "e.jsonl"],
            &["restore", "kept"],
            &["list"],
        ];
        for args in make {
            refused(&desk, &[(&[args, &["--log", log]].concat(), 2, said, hint)]);
        }
    }
    assert!(!desk.path().join("new.key").exists() && !desk.path().join("gone").exists());
    fs::create_dir(desk.path().join("theirs")).unwrap();
    let mode = |mode| {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(desk.path().join("theirs"), mode).unwrap();
    };
    mode(0o500);
    let make = [&["init", "--origin", "example.org/new"][..], &["restore", "e.jsonl"]];
    let outputs = make.map(|args| {
        ["theirs", "theirs/new"]
            .map(|log| desk.run_without_rights(&[args, &["--log", log]].concat()))
    });
    mode(0o700);
    for output in outputs.into_iter().flatten().flatten() {
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("name a place where you may write: --log DIR"), "{said}");
        assert!(!said.contains("copy its directory"), "{said}");
    }
}

/// What would break: of what there is no room for it is not said which file that was.
#[test]
#[cfg(unix)]
fn a_file_that_there_is_no_room_for_is_named() {
    let desk = desk("example.org/desk");
    // As many as make a bundle, which is much smaller in the store.
    let long = "x".repeat(10_000);
    let line = |at| {
        format!(
            "{{\"kind\":\"statement\",\"id\":\"s{at}\",\"by\":[\"in\"],\"topic\":\"t\",\"when\":\"2025-04-23\",\"stance\":\"urges\",\"summary\":\"{long}\"}}\n"
        )
    };
    desk.write("x.jsonl", &(0..252).map(line).collect::<String>());
    desk.ok(&["append", "x.jsonl", "--declare"]);
    // No file can be longer than a megabyte, or two.
    let limited =
        ["-c", "ulimit -f 2048; trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_demarche")];
    for args in
        [&["export", "--out", "out"][..], &["replay", "--to", "2025-05-01", "--proof", "out"]]
    {
        let output = desk.command_of(Path::new("sh"), &[&limited, args].concat()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains("error: out cannot be written: File too large"), "{args:?}: {said}");
        for left in ["out", "out.demarche-begun"] {
            assert!(!desk.path().join(left).exists(), "{left}");
        }
    }
}

#[test]
fn an_input_that_there_is_no_room_to_keep() {
    use std::io::Write;
    let desk = desk("example.org/desk");
    let mut append = desk.command(&["append", "-"]);
    append.env("TMPDIR", "gone").stdin(std::process::Stdio::piped());
    append.stderr(std::process::Stdio::piped());
    let mut child = append.spawn().unwrap();
    // Longer than what is kept in memory; that it is not read to its end is what is tested.
    let _ = child.stdin.take().unwrap().write_all(&vec![b'\n'; (16 << 20) + 1]);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    let cannot = "the input cannot be kept in gone while it is read: No such file or directory (os error 2); nothing was appended";
    for expected in [cannot, "TMPDIR=DIR"] {
        assert!(said.contains(expected), "{expected} in {said}");
    }
}
