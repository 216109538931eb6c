# UmaDB through its Python client: URL FILE, in batches of 1,000, each durable before the next.
import sys

from umadb import Client, Event

BATCH = 1000

client = Client(sys.argv[1])
batch = []
with open(sys.argv[2], "rb") as lines:
    for line in lines:
        batch.append(Event(event_type="event", data=line.rstrip(b"\n"), tags=[]))
        if len(batch) == BATCH:
            client.append(batch)
            batch = []
if batch:
    client.append(batch)
print(client.head())
