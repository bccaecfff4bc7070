package transcript

// The kinds that the package itself knows.
const (
	kindHeader    = "header"
	kindStep      = "step"
	kindBegun     = "begun"
	kindDone      = "done"
	kindFailed    = "failed"
	kindOverride  = "override"
	kindClockJump = "clock-jump"
	kindResumed   = "resumed"
	kindClosed    = "closed"
	kindAborted   = "aborted"
	kindCustody   = "custody"
)

// Custody is the ceremony that the header of a custody chain names: no ceremony,
// but what happens between two. Such a chain has no end and holds no other
// events than custody's; see ceremony/custody.
const Custody = "custody"

// Session is the ceremony that the header of an API session names: none was held.
const Session = "serve"

// NewKeyBackup is the field of the answer that says where a rewrap's new key has
// its backup.
const NewKeyBackup = "backup of the new HSM key"

// inChain tells whether an event may stand in a custody chain, or elsewhere.
func inChain(kind string, custody bool) bool {
	switch kind {
	case kindHeader, kindClockJump, kindResumed:
		return true
	}
	return (kind == kindCustody) == custody
}

func isCustody(header Entry) bool { return header.Facts.Text("ceremony") == Custody }

// Kinds are all kinds of events with the facts that each may carry. Writer and
// reader refuse anything else.
var Kinds = map[string]Kind{
	kindHeader: kind("the ceremony begins; always the first event",
		must(Number, "format"), must(Text, "ceremony", "id"), must(Flag, "practice"), must(Text, "program"),
		may(Text, "purpose", "program_sha256", "os", "host", "place", "vault", "previous_head", "previous_outcome", "plan_sha256",
			"run_before", "run_before_outcome"),
		may(Number, "sequence", "run"), may(List, "plan"), may(Text, "custody_head"), may(Number, "custody_events")),
	"named": kind("a file that the plan or a flag names, as it was read before the ceremony; file: its copy in the record, without what is secret in it, or note: why there is none",
		must(Text, "what", "name"), may(Text, "file", "sha256", "note")),
	"person": kind("somebody who takes part",
		must(Text, "name", "role"), must(Flag, "present"), may(Number, "number"), may(Text, "organisation")),
	"approval": kind("somebody approved the plan before the day, by a signature that is good",
		must(Text, "name", "kind", "key", "text_sha256"), may(Text, "organisation", "file", "sha256")),
	"identity": kind("by whom people were identified; no number of a document",
		must(Text, "checked_by"), must(List, "names")),
	"left": kind("somebody who was here is not any more",
		must(Text, "name", "role", "reason")),
	"arrived": kind("somebody is here from now on, of the plan or besides it",
		must(Text, "name", "role"), must(Flag, "planned"), may(Text, "organisation")),
	"break": kind("a break begins; the shares that were in are wiped",
		must(Text, "reason", "decided_by"), must(Number, "wiped"), may(Text, "back")),
	"break-ended": kind("a break is over: who is here, and whether the vault is what it was",
		must(Number, "duration_s"), must(List, "people"), must(Flag, "same"), may(Text, "digest")),
	"logged-out": kind("the login at the token ended", one("why", "break", "end", "stop"), must(Text, "result")),
	"machine": kind("what the program found of the machine that it runs on",
		may(List, "shortfalls", "recorders", "circumstances", "unusual"), may(Text, "memory", "terminal")),
	"room": kind("what people say of the room and of what was brought into it, and what they compared",
		must(Text, "place", "bags", "equipment", "value", "program_hash"), may(Text, "backup", "snapshot")),
	"clock-check": kind("somebody's own watch against this machine's clock, in its time zone; keys: of one that is off, that PGP keys were judged by it",
		must(Text, "watch", "machine", "zone"), must(Number, "offset_s"), may(Text, "keys")),
	"equipment": kind("the token and the library, in their own words",
		must(Text, "library", "token"), must(Flag, "software"),
		may(Text, "library_sha256", "library_info", "manufacturer", "model", "serial", "firmware", "pin_state", "login", "which", "clock"),
		may(Number, "slot")),
	"key": kind("the wrapping key, as the token states it",
		must(Text, "label"), must(Flag, "generated"),
		may(Text, "id", "ref", "type", "mechanism", "oaep_hash", "hmac_ref", "which"), may(List, "attributes", "hmac_attributes")),
	"signing-key": kind("the key in the HSM that signs the record, as the token states it; key is its line for signed notes",
		must(Text, "label", "type", "key", "sha256"), must(Flag, "generated"), one("result", "first", "same", "other"),
		may(Text, "id", "before"), may(List, "attributes")),
	"anchor": kind("the note that the HSM keeps of the vault: found, with this run named in it before anything else is done, before a commit, written, removed, or why there is none; ceremony, events and head are the record's that it names, missing the ceremony whose record was not given",
		one("moment", "found", "named", "begun", "written", "lacking", "removed"), must(Text, "key"),
		may(Text, "ceremony", "head", "recovery_key", "root_key", "seal_key", "problem"), may(Number, "sequence", "events", "term"),
		may(Text, "verdict", "missing")),
	"adopted": kind("people took a state that the ceremony before did not leave as the vault's own",
		must(List, "found"), must(Text, "by", "reason"), may(Text, "digest", "seal_key", "recovery_key", "root_key", "mechanism"),
		may(Number, "shares", "threshold"), may(List, "terms")),
	"server": kind("the running server, as it says; its certificates' keys (SPKI SHA-256) by address, what it offers, and which variables of the environment are set",
		must(Text, "address", "token"), may(Text, "version", "cluster", "cluster_id", "clock"), may(List, "ways", "certificates", "variables")),
	"requests": kind("requests to the server since such an event before: method, path, what went with it, status, the server's own id of it; nonce: the server's name of what is pending",
		must(List, "requests"), may(Text, "nonce")),
	"wrapped-entries": kind("the entries of the storage that the HSM wrapped, live, staged and kept; needed: those that name the key, or may",
		must(Number, "count"), must(Text, "key"), may(List, "needed")),
	"key-destroyed": kind("a wrapping key was destroyed in the token, and looked for again: it is not there",
		must(Text, "label", "id", "ref", "token", "serial"), may(Text, "hmac_ref")),
	"self-test": kind("what the key was seen to do", must(List, "lines"), may(Text, "which")),
	"entropy":   kind("what the program's random generator draws from", must(Text, "sources"), may(Text, "why")),
	"inventory": kind("what the login sees in the token, as the token states it; the second one with what differs",
		one("moment", "before", "after"), must(Number, "count"), may(Text, "problem", "which"), may(List, "objects", "added", "removed", "changed")),
	"backup-opened": kind("the vault was opened through a token that is a backup of the HSM, and nothing was changed",
		must(Text, "token", "serial", "key"), may(List, "checks"), must(Flag, "known")),
	"calls": kind("calls to the HSM that used or made a key since such an event before", must(List, "calls")),
	"target": kind("the vault before anything is changed; a second one has what only the HSM can open",
		may(Text, "storage", "digest", "seal_key", "recovery_key", "root_key", "mechanism"), may(Flag, "initialized"),
		may(Number, "shares", "threshold"), may(List, "terms", "leftovers", "looked_at")),
	kindStep: kind("a step of the script",
		one("state", "begun", "done", "skipped"), must(Text, "title"), may(Number, "number")),
	"read": kind("a text was read aloud", must(Text, "title"), may(Text, "text_sha256")),
	"answer": kind("a public answer was typed; of a PIN only whether the token took it",
		must(Text, "field", "value"), may(Text, "source"), may(List, "names")),
	"hand-over": kind("the keyboard went to somebody", must(Text, "to"), may(Text, "from")),
	"share-entered": kind("somebody typed a share", one("result", "good", "refused"),
		may(Number, "number"), may(Text, "fingerprint", "set", "form", "source", "reason", "gpg", "gpg_sha256")),
	"quorum": kind("the shares that were given were combined",
		must(Number, "given", "needed"), must(Text, "result"), may(List, "names", "wrong")),
	"authorised": kind("a share of theirs took part in the quorum", must(Text, "what")),
	"attested":   kind("somebody looked at a result", must(Text, "what"), may(List, "lines")),
	"confirmed":  kind("a word was typed to confirm", must(Text, "role", "word", "what")),
	kindBegun:    kind("the program begins a piece of work", must(Text, "work")),
	kindDone:     kind("a piece of work was done", must(Text, "work"), may(Number, "took_ms"), may(List, "checks")),
	kindFailed:   kind("a piece of work failed", must(Text, "work", "reason"), may(Text, "code")),
	"pgp-key": kind("a PGP key was compared with its holder's own card: the same, another, or nobody had one",
		must(Text, "custodian", "fingerprint"), one("result", "same", "other", "unchecked"),
		may(Number, "number"), may(Text, "subkey", "algorithm", "created", "expires", "groups", "before", "file", "sha256"), may(List, "user_ids")),
	"challenge": kind("a challenge to somebody's PGP key: answered; another code; something with the form of a share, refused unread; or a message that is no challenge of this ceremony to them",
		must(Text, "name", "fingerprint", "file", "sha256"), one("result", "answered", "other", "share", "foreign"),
		may(Number, "number"), may(Text, "subkey", "medium", "form", "source", "gpg", "gpg_sha256")),
	"holders": kind("who will hold shares, against those of an earlier set",
		must(Text, "before"), may(Text, "ceremony"), may(List, "stays", "joins", "leaves", "changed")),
	"issued": kind("a new set of shares was made",
		must(Text, "set"), must(Number, "shares", "threshold")),
	"share": kind("one share of the new set",
		must(Number, "number"), must(Text, "custodian", "set", "fingerprint"), one("delivery", "pgp", "screen"),
		may(Text, "pgp", "file", "sha256", "medium")),
	"carried": kind("a custodian's file was read from the medium that they take home",
		must(Number, "number"), must(Text, "custodian", "set", "file", "sha256", "medium"), must(Flag, "same"), may(Flag, "written")),
	"showing": kind("a secret begins to be shown to one person",
		must(Text, "what", "to"), may(Number, "number")),
	"shown": kind("a secret was shown to one person",
		must(Text, "what", "to"), may(Number, "number"), may(Text, "from", "until")),
	"proven": kind("a custodian proved a share, or their key alone",
		must(Number, "number"), must(Text, "custodian", "set", "fingerprint"), may(Text, "proof")),
	"not-proven": kind("in a drill a share was not proven: its holder was not here, did not prove it, or what they typed is not the share",
		must(Number, "number"), must(Text, "custodian", "set"), one("why", "absent", "not tried", "old", "another", "unreadable", "unanswered", "other key"), may(Text, "reason")),
	"combined": kind("the shares that were typed in this run make the staged recovery key, or were too few to combine",
		must(Text, "set"), must(Number, "given", "needed"), must(Flag, "same")),
	"acknowledged": kind("a custodian takes a share and its duties",
		must(Number, "number"), must(Text, "custodian", "set"), may(List, "duties")),
	"staged": kind("the new state lies ready beside the old",
		may(Text, "digest", "recovery_key", "root_key", "seal_key", "mechanism", "set", "path"),
		may(Number, "shares", "threshold"), may(List, "terms", "checks")),
	"swapped": kind("the new state took the place of the old",
		may(Text, "before", "after", "at", "set")),
	"outcome": kind("the vault after the ceremony, against before",
		may(Text, "digest_before", "digest", "recovery_key_before", "recovery_key", "root_key_before", "root_key",
			"seal_key", "mechanism", "seal_key_before", "mechanism_before", "hmac_key", "hmac_key_before", "rollback", "committed"),
		may(Number, "shares_before", "threshold_before", "shares", "threshold"),
		may(List, "terms_before", "terms", "checks")),
	"token": kind("a root token and its fate",
		must(Text, "accessor"), may(Text, "receiver", "delivery", "fate", "pgp", "file", "sha256", "purpose", "until")),
	kindOverride: kind("a rule was weakened, by whom and why",
		must(Text, "id", "sentence"), may(Text, "who", "why")),
	"deviation": kind("something did not go as the script says, and what was decided",
		must(Number, "number"), must(Text, "happened", "decided", "decided_by"), one("effect", "go on", "again", "stop"), may(Text, "expected")),
	"signoff": kind("somebody agrees, or does not, to: present, script followed, record true, overrides known",
		must(Flag, "agrees"), must(Text, "role"), may(Text, "reason"), may(List, "statements")),
	"receipt":   kind("the head after somebody's last act, for their card", must(Number, "event"), must(Text, "to", "words")),
	"kept":      kind("where something is kept after the ceremony", must(Text, "what", "place")),
	"copies":    kind("who took a copy of the record", must(Number, "number"), must(List, "taken_by")),
	"retention": kind("how long the record is kept", must(Text, "class", "until"), may(Number, "years")),
	"next-drill": kind("when the shares are proven again, and within how many months the HSM's backup",
		must(Text, "date"), must(Number, "months"), may(Number, "backup_months")),
	"old-shares": kind("the replaced shares on paper: counted, and destroyed once the new ones count",
		must(Text, "choice", "set"), must(Number, "of"), must(List, "collected", "missing"), may(Text, "method", "reason")),
	"recovery": kind("the recovery shares are re-created without a quorum of the old ones: why, and on whose authority",
		one("reason", "loss", "compromise"), must(Text, "sentence"), must(Flag, "break_glass"),
		may(Text, "set", "anchor", "pin"), may(List, "approvers", "lacking")),
	"old-holder": kind("somebody who held a share of the set that is replaced without a quorum: not here; here without the share; or their share was tried, and is of that set or is not",
		must(Number, "number"), must(Text, "name", "set"), one("state", "absent", "present", "refused", "good"), may(Text, "reason")),
	"notice":   kind("a text that somebody is to be sent: what was done without them, or on their approval", must(Text, "to", "role", "file", "sha256")),
	"rollback": kind("what became of the old state", must(Text, "choice"), may(Text, "path", "reason", "place", "until")),
	"void":     kind("a set of shares that never counted", must(Text, "set", "reason")),
	"api-session": kind("automation is served over the API of conclave serve: where, what may be done, and for how long; no person was identified and no share was proven by one",
		must(Text, "listen", "person"), must(List, "allow"), must(Number, "for_s", "idle_s")),
	"api-call": kind("a request to the API of conclave serve, before it is acted upon or as it is answered; given: shares that were in then",
		one("state", "received", "answered"), must(Text, "method", "path", "caller", "person"), may(Number, "status", "given"), may(Text, "refusal", "pending")),
	"api-refused": kind("a request or connection that nothing was answered to", must(Text, "caller", "reason", "person")),
	"api-share": kind("one share of a new set that the API handed out: to a PGP key, or plain in its answer; the custodian is whom the plan names",
		must(Number, "number"), must(Text, "set", "fingerprint"), one("delivery", "pgp", "answer"), may(Text, "pgp", "file", "sha256", "custodian")),
	kindClockJump: kind("the wall clock jumped against the boot clock", must(Number, "wall_ms", "boot_ms")),
	kindResumed:   kind("the ceremony goes on after an interruption", may(Number, "torn"), may(Text, "torn_file")),
	kindClosed: kind("the ceremony came to its end; always the last event",
		must(Text, "verdict"), must(List, "overrides"), may(List, "deviations"), may(Text, "duration", "signoff")),
	kindAborted: kind("the ceremony was stopped; always the last event",
		must(Text, "reason"), may(Text, "step", "state")),
	kindCustody: kind("between ceremonies: what became of a share, of a copy, or of somebody who holds one",
		one("event", "stored", "opened", "moved", "holder-left", "share-lost", "share-suspected", "pin-holder-left", "pin-changed",
			"drill", "copy-known", "copy-destroyed", "old-share-destroyed", "backup-tested", "token-revoked", "withdrawn"),
		must(Text, "record_head"),
		may(Text, "on", "what", "name", "place", "bag", "method", "by", "witness", "device", "accessor", "result", "note", "signer"),
		may(Number, "number", "entry"), may(List, "shares", "signature")),
}

// last tells whether nothing may follow an event of this kind.
func last(kind string) bool { return kind == kindClosed || kind == kindAborted }
