#!/usr/bin/env python3
"""A second verifier of Conclave's transcripts, format 1: it shares nothing with
the first but the table of kinds at its end, and needs nothing but Python 3.8.

    python3 verify.py transcript.jsonl [HEAD]

HEAD is the 64 hexadecimal digits from the paper. Exit code 0: consistent and
closed, or a chain of custody, which has no end; 3: interrupted; 4: broken, or
not the transcript that HEAD names.
"""
import hashlib, json, re, sys
from datetime import datetime, timedelta

FIELDS = ["seq", "prev", "salt", "time", "boot", "kind", "step", "claimed", "evidence", "facts"]
EVIDENCE = ["keyboard", "share", "decrypt", "signature", "program"]
TYPES = {"text": str, "number": int, "flag": bool, "list": list}
LONGEST = 1 << 20

def need(ok, what):
    if not ok:
        raise ValueError(what)

def members(pairs):
    need(len(dict(pairs)) == len(pairs), "a member stands there twice")
    return dict(pairs)

def plain(s):
    need(type(s) is str and not re.search("[\x00-\x1f\x7f-\x9f]", s), "a text holds what a line may not")

def whole(n, low):
    need(type(n) is int and low <= n <= 2**53, "a number is none or out of bounds")

def decode(line):
    text = line.decode("utf-8")
    e = json.loads(text, object_pairs_hook=members)
    again = json.dumps(e, ensure_ascii=False, separators=(",", ":"))
    need(again.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029") + "\n" == text, "it is not written as Conclave writes it")
    need(type(e) is dict and e.get("mark", "PRACTICE") == "PRACTICE", "it is no event")
    need(list(e) == ["mark"] * ("mark" in e) + FIELDS, "its members are not those of an event")
    whole(e["seq"], 1), whole(e["boot"], 0), plain(e["step"]), plain(e["claimed"])
    need(type(e["prev"]) is str and re.fullmatch("[0-9a-f]{64}", e["prev"]), "prev is no SHA-256")
    need(type(e["salt"]) is str and re.fullmatch("[0-9a-f]{32}", e["salt"]), "the salt is not 16 bytes")
    e["at"] = datetime.fromisoformat(e["time"][:-1])
    need(e["at"].isoformat(timespec="milliseconds") + "Z" == e["time"] and 1970 <= e["at"].year < 2260, "the time is not written right")
    need(e["evidence"] in EVIDENCE and type(e["kind"]) is str and e["kind"] in KINDS, "the kind or the evidence is not known")
    facts = e["facts"]
    need(type(facts) is dict and list(facts) == sorted(facts), "the facts are not sorted")
    need(not set(facts) - {name for name, *_ in KINDS[e["kind"]]}, "a fact is not known")
    for name, kind, required, values in KINDS[e["kind"]]:
        need(name in facts or not required, "a fact is missing")
        v = facts.get(name)
        need(name not in facts or type(v) is TYPES[kind] and (not values or v in values), "a fact is not of its type")
        for s in v if type(v) is list else [v] if type(v) is str else []:
            plain(s)
        if type(v) is int:
            whole(v, -2**53)
    need((e["kind"] == "header") == (e["seq"] == 1), "the header is the first event and no other")
    need(e["kind"] != "header" or facts["practice"] == ("mark" in e), "mark and header disagree")
    return e

def follows(e, last, head, custody):
    need(e["seq"] == (last["seq"] + 1 if last else 1), "its number is not the next")
    need(e["prev"] == head, "its prev is not the hash of the line before")
    if last:
        need(e["kind"] in ("clock-jump", "resumed") or (e["kind"] == "custody") == custody, "its kind does not stand here")
        need(("mark" in e) == ("mark" in last), "its mark is not that of the line before")
        wall, boot = (e["at"] - last["at"]) // timedelta(milliseconds=1), e["boot"] - last["boot"]
        need((e["kind"] == "clock-jump") == (abs(wall - boot) > 2000), "its times and its kind disagree")
        need(e["kind"] != "clock-jump" or (e["facts"]["wall_ms"], e["facts"]["boot_ms"]) == (wall, boot), "the jump is another")

def verify(f, want=None):
    """Reads a transcript from a binary file. Returns the exit code and a sentence."""
    last, head, n, custody = None, "0" * 64, 0, False
    try:
        for line in iter(lambda: f.readline(LONGEST + 1), b""):
            need(len(line) <= LONGEST, "it is too long")
            need(not last or last["kind"] not in ("closed", "aborted"), "something follows the last event")
            if not line.endswith(b"\n"):
                return (4, "CHANGED: a torn line follows") if want else (3, "INTERRUPTED: the last line is torn")
            e = decode(line)
            follows(e, last, head, custody)
            custody = custody or e["kind"] == "header" and e["facts"]["ceremony"] == "custody"
            last, head, n = e, hashlib.sha256(line).hexdigest(), n + 1
    except (ValueError, RecursionError, TypeError) as why:
        return 4, "BROKEN in line %d: %s" % (n + 1, ascii(str(why)))
    if want and want != head:
        return 4, "CHANGED: the last line is not the one that HEAD names"
    said = "%s%d events, head %s" % ("PRACTICE, " if last and "mark" in last else "", n, head)
    if custody:
        return 0, "CONSISTENT, a chain that has no end, %s: %s" % ("ANCHORED by HEAD" if want else "NOT ANCHORED", said)
    if not last or last["kind"] not in ("closed", "aborted"):
        return 3, "INTERRUPTED: the last event is missing; " + said
    return 0, "CONSISTENT and %s, %s: %s" % (last["kind"], "ANCHORED by HEAD" if want else "NOT ANCHORED", said)

# The kinds of events: name, then each fact with its type, whether it must be
# there, and the values that it may have.
KINDS = json.loads("""@KINDS@""")

if __name__ == "__main__":
    with open(sys.argv[1], "rb") as transcript:
        code, sentence = verify(transcript, "".join(sys.argv[2:]).lower() or None)
    print(sentence)
    sys.exit(code)
