package record

import (
	"fmt"
	"slices"
	"strings"

	"conclave/ceremony/transcript"
)

// Source says where in a record something comes from that its readers want to
// find there.
//
// An entry of From names a kind of event, one of its facts, or a value of that:
// "step", "step.title", "step.state=done"; "*" is every event. Elsewhere is
// where it is if it is no event: in another file, or on paper.
type Source struct {
	Group, Field string
	From         []string
	Elsewhere    string
}

// NotEvidenced is said of what no event shows.
const NotEvidenced = "not evidenced by this program"

// Sources are the rows that a record of a ceremony must have, group by group,
// and where each comes from. Those that come from nowhere yet are listed, too.
var Sources = []Source{
	{Group: "Header", Field: "kind of ceremony", From: []string{"header.ceremony"}},
	{Group: "Header", Field: "id", From: []string{"header.id"}},
	{Group: "Header", Field: "purpose", From: []string{"header.purpose"}},
	{Group: "Header", Field: "practice or production", From: []string{"header.practice"}},
	{Group: "Header", Field: "plan and its SHA-256", From: []string{"header.plan", "header.plan_sha256"}},
	{Group: "Header", Field: "files that were named, and their SHA-256", From: []string{"named"}},
	{Group: "Header", Field: "plan read aloud", From: []string{"read.title=plan"}},
	{Group: "Header", Field: "program's version and SHA-256", From: []string{"header.program", "header.program_sha256"}},
	{Group: "Header", Field: "host and system", From: []string{"header.host", "header.os"}},
	{Group: "Header", Field: "place", From: []string{"header.place", "room.place"}},
	{Group: "Header", Field: "start and end", From: []string{"header", "closed", "aborted"}},
	{Group: "Header", Field: "approval", From: []string{"approval"}},
	{Group: "Header", Field: "clock check", From: []string{"clock-check", "equipment.clock", "server.clock"}},
	{Group: "Header", Field: "local time zone", From: []string{"clock-check.zone"}},

	{Group: "People", Field: "name, role, organisation", From: []string{"person.name", "person.role", "person.organisation"}},
	{Group: "People", Field: "present or absent", From: []string{"person.present"}},
	{Group: "People", Field: "quorum met", From: []string{"quorum.result=accepted"}},
	{Group: "People", Field: "identity check", From: []string{"identity.checked_by"}},
	{Group: "People", Field: "arrivals, departures, breaks", From: []string{"arrived", "left", "break", "break-ended"}},
	{Group: "People", Field: "custodians' acknowledgement", From: []string{"acknowledged.duties"}},

	{Group: "Equipment", Field: "HSM: maker, model, serial, firmware", From: []string{"equipment.manufacturer", "equipment.model", "equipment.serial", "equipment.firmware"}},
	{Group: "Equipment", Field: "PKCS#11 library and its SHA-256", From: []string{"equipment.library", "equipment.library_sha256"}},
	{Group: "Equipment", Field: "slot and token", From: []string{"equipment.slot", "equipment.token"}},
	{Group: "Equipment", Field: "key: label, id, mechanism, attributes", From: []string{"key.label", "key.id", "key.mechanism", "key.attributes"}},
	{Group: "Equipment", Field: "what else is in the token, before and after", From: []string{"inventory.objects"}},
	{Group: "Equipment", Field: "key self-test", From: []string{"self-test"}},
	{Group: "Equipment", Field: "logged out of the token", From: []string{"logged-out"}},
	{Group: "Equipment", Field: "machine: memory, terminal, recorders", From: []string{"machine"}},
	{Group: "Equipment", Field: "machine: network, users, virtual machine, displays", From: []string{"machine.circumstances", "machine.unusual"}},
	{Group: "Equipment", Field: "entropy source", From: []string{"entropy"}},
	{Group: "Equipment", Field: "cards; bag numbers in and out", From: []string{"room.bags", "room.equipment"}},

	{Group: "Target", Field: "storage and its digest before", From: []string{"target.storage", "target.digest"}},
	{Group: "Target", Field: "digest after", From: []string{"outcome.digest", "swapped.after"}},
	{Group: "Target", Field: "seal and mechanism", From: []string{"target.seal_key", "outcome.seal_key", "outcome.mechanism"}},
	{Group: "Target", Field: "shares and threshold, old and new", From: []string{"target.shares", "target.threshold", "issued.shares", "issued.threshold", "outcome.shares", "outcome.threshold"}},
	{Group: "Target", Field: "server's version, address, cluster", From: []string{"server.version", "server.address", "server.cluster"}},
	{Group: "Target", Field: "nonces of a server", From: []string{"requests.nonce"}},

	{Group: "Steps", Field: "number and title", From: []string{"step.number", "step.title"}},
	{Group: "Steps", Field: "text that was read aloud, by its SHA-256", From: []string{"read.text_sha256"}},
	{Group: "Steps", Field: "start, end, skipped", From: []string{"step.state"}},
	{Group: "Steps", Field: "result", From: []string{"done", "failed", "step.state=done"}},
	{Group: "Steps", Field: "person and role", From: []string{"hand-over", "confirmed.role"}},
	{Group: "Steps", Field: "confirmation", From: []string{"confirmed", "attested"}},
	{Group: "Steps", Field: "initials", Elsewhere: "on the printed script, each with the number of its event"},
	{Group: "Steps", Field: "retries", From: []string{"share-entered.result=refused", "failed"}},

	{Group: "Shares", Field: "holder and number", From: []string{"share.custodian", "share.number"}},
	{Group: "Shares", Field: "PGP fingerprint", From: []string{"share.pgp"}},
	{Group: "Shares", Field: "PGP subkey", From: []string{"pgp-key.subkey"}},
	{Group: "Shares", Field: "fingerprint of the share", From: []string{"share.fingerprint"}},
	{Group: "Shares", Field: "delivered", From: []string{"share.delivery", "share.file", "share.sha256"}},
	{Group: "Shares", Field: "verified, or why not", From: []string{"proven", "not-proven.why"}},
	{Group: "Shares", Field: "acknowledged", From: []string{"acknowledged"}},
	{Group: "Shares", Field: "sets that never counted", From: []string{"void"}},

	{Group: "Hashes", Field: "value, and who read it", From: []string{"read.text_sha256"}},
	{Group: "Hashes", Field: "in words", From: []string{"receipt.words"}, Elsewhere: "the PGP word list, as the pages and the printed script show the plan's hash"},
	{Group: "Hashes", Field: "who confirmed it", Elsewhere: "the printed script: rows A to H, and the initials of the plan's step"},

	{Group: "Operations", Field: "each call: what, result, code", From: []string{"begun", "done", "failed"}},
	{Group: "Operations", Field: "requests to a server, with its ids of them", From: []string{"requests.requests"}},
	{Group: "Operations", Field: "calls that used or made a key, by function and key", From: []string{"calls"}},
	{Group: "Operations", Field: "key made", From: []string{"key.generated=true"}},
	{Group: "Operations", Field: "key inventory: made, removed, changed", From: []string{"inventory.moment=after"}},

	{Group: "Deviations", Field: "happened, decided, by whom", From: []string{"deviation.happened", "deviation.decided", "deviation.decided_by"}},
	{Group: "Deviations", Field: "expected; step and time", From: []string{"deviation.expected"}},
	{Group: "Deviations", Field: "initials", Elsewhere: "on the exception sheets of the printed script"},
	{Group: "Deviations", Field: "weakened rules", From: []string{"override"}},
	{Group: "Deviations", Field: "aborted or interrupted run", From: []string{"aborted", "resumed"}},
	{Group: "Deviations", Field: "all of them, or that there are none", From: []string{"closed"}},

	{Group: "After", Field: "verification results", From: []string{"outcome.checks", "done.checks"}},
	{Group: "After", Field: "root token and its fate", From: []string{"token"}},
	{Group: "After", Field: "old state", From: []string{"rollback"}},
	{Group: "After", Field: "replaced shares, destroyed or missing", From: []string{"old-shares"}},
	{Group: "After", Field: "files with SHA-256", From: []string{"share.sha256", "token.sha256"}, Elsewhere: "sha256sums beside the transcript"},
	{Group: "After", Field: "where materials are kept", From: []string{"kept.place", "copies.taken_by"}},
	{Group: "After", Field: "next drill", From: []string{"next-drill.date"}},

	{Group: "Sign-off", Field: "agrees or does not agree, to what", From: []string{"signoff.agrees", "signoff.statements"}},
	{Group: "Sign-off", Field: "at least two, one of them independent, or what it lacks", From: []string{"closed.signoff"}},
	{Group: "Sign-off", Field: "signatures over the head", Elsewhere: "checkpoint.note"},
	{Group: "Sign-off", Field: "head on each person's card", From: []string{"receipt"}},

	{Group: "Integrity", Field: "hash chain", From: []string{"*"}},
	{Group: "Integrity", Field: "head in hex and words", Elsewhere: "head.txt, and on the people's paper"},
	{Group: "Integrity", Field: "head of the ceremony before", From: []string{"header.previous_head"}},
	{Group: "Integrity", Field: "number among all runs, and the end of the run before", From: []string{"header.run", "header.run_before_outcome", "header.previous_outcome"}},
	{Group: "Integrity", Field: "independent check", Elsewhere: "sha256sum and a shell, as the report prints it"},

	{Group: "Retention", Field: "class and end date", From: []string{"retention.class", "retention.until"}},

	{Group: "Never in it", Field: "shares, PINs, tokens, one-time passwords, decrypted text, what was on a page of entry",
		Elsewhere: "in no event: they are not written, and what people type is screened for them"},
}

// where says in words where something is, by the events of this record.
func (p *Page) where(s Source) string {
	var found []uint64
	for _, ev := range p.events {
		if s.In(ev) {
			found = append(found, ev.Seq)
		}
	}
	switch {
	case len(found) > 0 && uint64(len(found)) == p.Events:
		return "every event"
	case len(found) == 1:
		return "event " + ranges(found)
	case len(found) > 1:
		return "events " + ranges(found)
	case s.Elsewhere != "":
		return s.Elsewhere
	}
	return NotEvidenced
}

// In tells whether something of the row is in this event.
func (s Source) In(ev transcript.Event) bool {
	return slices.ContainsFunc(s.From, func(from string) bool { return matches(ev, from) })
}

// matches tells whether an event is one that an entry of From names.
func matches(ev transcript.Event, from string) bool {
	if from == "*" {
		return true
	}
	name, want, valued := strings.Cut(from, "=")
	kind, fact, _ := strings.Cut(name, ".")
	if ev.Kind != kind {
		return false
	}
	v, ok := ev.Facts[fact]
	list, isList := v.([]string)
	switch {
	case fact == "":
		return true
	case valued:
		return fmt.Sprint(v) == want
	}
	return ok && v != "" && (!isList || len(list) > 0)
}

// ranges writes numbers in their order: 1-3, 7.
func ranges(list []uint64) string {
	var out []string
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1] == list[j]+1 {
			j++
		}
		if s := fmt.Sprint(list[i]); j == i {
			out = append(out, s)
		} else {
			out = append(out, fmt.Sprintf("%s-%d", s, list[j]))
		}
		i = j + 1
	}
	return strings.Join(out, ", ")
}
