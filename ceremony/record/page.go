// Package record makes reports of a transcript: a page of text to read and to
// print, the same as Markdown, as HTML that checks itself for damage and as a
// PDF, and JSON for other programs. A report says nothing that the transcript
// does not; the transcript is the record, the report is a copy.
//
// It promises: the verdict comes first, overrides next; a rehearsal is marked in
// every part; an act whose only evidence is the keyboard is "entered for NAME",
// never confirmed by them (TestKeyboard). Texts from the file pass clean.Cut
// before they reach a terminal, a browser or paper, and each form escapes what
// its readers would obey (TestHostile and those after it).
package record

import (
	"slices"
	"strings"
	"time"

	"conclave/ceremony/transcript"
)

// Page is what a report says, in the order in which it says it. Its JSON is the
// output of -format=json.
type Page struct {
	Format   int      `json:"format"`
	State    string   `json:"state"`
	Code     int      `json:"code"` // exit code of verify
	Verdict  []string `json:"verdict"`
	Problem  string   `json:"problem,omitempty"`
	Practice bool     `json:"practice"`
	Events   uint64   `json:"events"`
	Head     string   `json:"head"`

	Overrides  []Override `json:"overrides"`
	Deviations []Act      `json:"deviations"` // noted by people
	Incidents  []Act      `json:"incidents"`  // refusals, failures, jumps of the clock, interruptions

	Ceremony string           `json:"ceremony"`
	ID       string           `json:"id"`
	Began    time.Time        `json:"began"`
	Ended    time.Time        `json:"ended"`
	End      string           `json:"end"`    // "closed", "aborted" or "interrupted"
	Result   string           `json:"result"` // in the program's words
	Header   transcript.Facts `json:"header"`

	People    []Person         `json:"people"`
	Named     []Act            `json:"named,omitempty"`     // files that the plan or a flag names
	Approvals []Act            `json:"approvals,omitempty"` // of the plan, before the day
	Comings   []Act            `json:"comings"`             // breaks, who left and who arrived
	LoggedOut []Act            `json:"logged_out"`
	Machine   transcript.Facts `json:"machine,omitempty"`
	Server    transcript.Facts `json:"server,omitempty"`   // a running one, as it says
	Requests  []Act            `json:"requests,omitempty"` // to it
	Token                      // that the vault's keys are wrapped with
	New       *Token           `json:"new,omitempty"`       // that a rewrap moved them to
	Old       *Token           `json:"old,omitempty"`       // that a retire destroyed
	Destroyed []Act            `json:"destroyed,omitempty"` // keys of the HSM
	Backup    []Act            `json:"backup,omitempty"`    // that the vault was opened through the HSM's backup
	Anchors   []Act            `json:"anchors,omitempty"`   // what the HSM keeps of the vault
	Adopted   []Act            `json:"adopted,omitempty"`   // states that the ceremony before did not leave
	Calls     []Act            `json:"calls,omitempty"`     // that used or made a key
	Entropy   transcript.Facts `json:"entropy,omitempty"`
	Before    transcript.Facts `json:"before,omitempty"`
	After     transcript.Facts `json:"after,omitempty"`

	Steps      []Step  `json:"steps"`
	Confirmed  []Act   `json:"confirmed"`
	PGPKeys    []Act   `json:"pgp_keys,omitempty"`   // compared with their holders' cards
	Challenges []Act   `json:"challenges,omitempty"` // to these keys
	Holders    []Act   `json:"holders,omitempty"`    // who joins, stays and leaves
	Shares     []Share `json:"shares"`
	Void       []Act   `json:"void"`
	Tokens     []Act   `json:"tokens"`
	Works      []Work  `json:"works"`
	API        []Act   `json:"api,omitempty"` // of a session of automation: what was asked for, and handed out
	Rollback   []Act   `json:"rollback"`

	Recovery   []Act `json:"recovery,omitempty"`    // shares made anew without a quorum: why, and on whose authority
	OldHolders []Act `json:"old_holders,omitempty"` // of the set that was replaced so
	Notices    []Act `json:"notices,omitempty"`     // who is to be told

	Drilled []Act `json:"drilled,omitempty"` // of shares that were handed out before: proven or not

	Kept      []Act            `json:"kept,omitempty"` // where things are kept
	OldShares []Act            `json:"old_shares,omitempty"`
	Copies    transcript.Facts `json:"copies,omitempty"` // of the record
	Retention transcript.Facts `json:"retention,omitempty"`
	NextDrill transcript.Facts `json:"next_drill,omitempty"`

	SignOff  []Act `json:"sign_off"`
	Receipts []Act `json:"receipts"`

	signOffText string
	issued      transcript.Facts // of the set whose shares follow
	events      []transcript.Event
	anchored    bool
	lines       []string // the events as they stand in the file, without newlines
}

// Act is one event of somebody or of the program.
type Act struct {
	Event    uint64              `json:"event"`
	Time     time.Time           `json:"time"`
	Kind     string              `json:"kind"`
	Claimed  string              `json:"claimed"`
	Evidence transcript.Evidence `json:"evidence"`
	Facts    transcript.Facts    `json:"facts"`

	step string
}

// Override is a rule that was weakened.
type Override struct {
	Event    uint64 `json:"event"`
	ID       string `json:"id"`
	Sentence string `json:"sentence"`
	Who      string `json:"who"`
	Why      string `json:"why"`
}

// Person is somebody who took part, and the strongest evidence of that.
type Person struct {
	Name         string              `json:"name"`
	Role         string              `json:"role"`
	Number       int                 `json:"number,omitempty"`
	Organisation string              `json:"organisation,omitempty"`
	LookAlike    string              `json:"look_alike,omitempty"` // letters of another alphabet in the name
	Present      bool                `json:"present"`
	CheckedBy    string              `json:"checked_by,omitempty"` // who identified them
	Evidence     transcript.Evidence `json:"evidence"`             // "" if they did nothing
}

// Step is one step of the script.
type Step struct {
	Number int       `json:"number"`
	ID     string    `json:"id"`
	Title  string    `json:"title"`
	State  string    `json:"state"` // "begun", "done", "skipped"
	Event  uint64    `json:"event"`
	Began  time.Time `json:"began"`
	Ended  time.Time `json:"ended,omitzero"`
}

// Share is one share that was issued.
type Share struct {
	Event       uint64    `json:"event"`
	Number      int       `json:"number"`
	Custodian   string    `json:"custodian"`
	Set         string    `json:"set"`
	Threshold   int       `json:"threshold"`
	Of          int       `json:"of"`
	Fingerprint string    `json:"fingerprint"`
	Delivery    string    `json:"delivery"`
	PGP         string    `json:"pgp,omitempty"`
	File        string    `json:"file,omitempty"`
	SHA256      string    `json:"sha256,omitempty"`
	Proven      time.Time `json:"proven,omitzero"`
	Taken       time.Time `json:"acknowledged,omitzero"`
}

// Work is something that the program did.
type Work struct {
	Event  uint64    `json:"event"`
	Name   string    `json:"name"`
	Began  time.Time `json:"began"`
	State  string    `json:"state"` // "begun", "done", "failed"
	TookMS int       `json:"took_ms"`
	Checks []string  `json:"checks,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Code   string    `json:"code,omitempty"`
}

// New makes the page of a transcript that was read with transcript.Scan.
func New(events []transcript.Event, rep transcript.Report) *Page {
	p := &Page{
		Format: 1, State: string(rep.State), Code: rep.Code(), Verdict: Verdict(rep), Problem: rep.Problem,
		Practice: rep.Header.Practice, Events: rep.Head.Count, Head: rep.Head.String(), End: "interrupted",
		Overrides: []Override{}, Deviations: []Act{}, Incidents: []Act{}, People: []Person{}, Comings: []Act{}, LoggedOut: []Act{}, Steps: []Step{}, Confirmed: []Act{},
		Shares: []Share{}, Void: []Act{}, Tokens: []Act{}, Works: []Work{}, Rollback: []Act{},
		SignOff: []Act{}, Receipts: []Act{}, events: events, anchored: rep.Anchored,
	}
	for _, ev := range events {
		p.add(ev)
		// An event that was read is written as it was read; one that was made up
		// and fits no line has none, and then the number of lines shows it.
		if line, err := ev.Line(); err == nil {
			p.lines = append(p.lines, strings.TrimSuffix(string(line), "\n"))
		}
	}
	if len(p.People) > 0 && (rep.State == transcript.Closed || rep.State == transcript.Interrupted) {
		p.Verdict = append(p.Verdict, "PEOPLE: "+p.together()+".")
	}
	return p
}

func (p *Page) add(ev transcript.Event) {
	p.Ended = ev.Time
	p.evidence(ev)
	f, act := ev.Facts, actOf(ev)
	switch ev.Kind {
	case "header":
		p.Header, p.Ceremony, p.ID, p.Began = f, f.Text("ceremony"), f.Text("id"), ev.Time
	case "override":
		p.Overrides = append(p.Overrides, Override{ev.Seq, f.Text("id"), f.Text("sentence"), f.Text("who"), f.Text("why")})
	case "signoff":
		p.SignOff = append(p.SignOff, act)
	case "receipt":
		p.Receipts = append(p.Receipts, act)
	case "deviation":
		p.Deviations = append(p.Deviations, act)
	case "person":
		p.person(f)
	case "named":
		p.Named = append(p.Named, act)
	case "approval":
		p.Approvals = append(p.Approvals, act)
	case "identity":
		for i := range p.People {
			if slices.Contains(f.List("names"), p.People[i].Name) {
				p.People[i].CheckedBy = f.Text("checked_by")
			}
		}
	case "arrived", "left", "break", "break-ended":
		p.coming(act)
	case "logged-out":
		p.LoggedOut = append(p.LoggedOut, act)
	case "machine":
		p.Machine = f
	case "equipment":
		p.token(f).Equipment = f
	case "key":
		p.token(f).Key = f
	case "self-test":
		p.token(f).SelfTest = f.List("lines")
	case "server":
		p.Server = f
	case "requests":
		p.Requests = append(p.Requests, act)
	case "backup-opened":
		p.Backup = append(p.Backup, act)
	case "anchor":
		p.Anchors = append(p.Anchors, act)
	case "adopted":
		p.Adopted = append(p.Adopted, act)
	case "key-destroyed":
		p.Destroyed = append(p.Destroyed, act)
	case "entropy":
		p.Entropy = f
	case "inventory":
		p.inventoried(ev)
	case "calls":
		p.Calls = append(p.Calls, act)
	case "target":
		p.Before = merge(p.Before, f)
	case "outcome":
		p.After = merge(p.After, f)
	case "swapped":
		p.After = merge(p.After, transcript.Facts{"digest": f.Text("after")})
	case "step":
		p.step(ev)
	case "confirmed":
		p.Confirmed = append(p.Confirmed, act)
	case "pgp-key":
		p.PGPKeys = append(p.PGPKeys, act)
	case "challenge":
		p.Challenges = append(p.Challenges, act)
	case "holders":
		p.Holders = append(p.Holders, act)
	case "issued", "share", "proven", "acknowledged":
		if p.share(ev); ev.Kind == "proven" && p.Ceremony == "drill" {
			p.Drilled = append(p.Drilled, act)
		}
	case "not-proven":
		p.Drilled = append(p.Drilled, act)
	case "void":
		p.Void = append(p.Void, act)
	case "token":
		p.Tokens = append(p.Tokens, act)
	case "api-session", "api-refused", "api-share":
		p.API = append(p.API, act)
	case "api-call":
		if f.Text("state") == "answered" {
			p.API = append(p.API, act)
		}
	case "rollback":
		p.Rollback = append(p.Rollback, act)
	case "begun", "done", "failed":
		p.work(ev)
	case "kept":
		p.Kept = append(p.Kept, act)
	case "old-shares":
		p.OldShares = append(p.OldShares, act)
	case "recovery":
		p.Recovery = append(p.Recovery, act)
	case "old-holder":
		p.OldHolders = append(p.OldHolders, act)
	case "notice":
		p.Notices = append(p.Notices, act)
	case "copies":
		p.Copies = f
	case "retention":
		p.Retention = f
	case "next-drill":
		p.NextDrill = f
	case "closed":
		p.End, p.Result, p.signOffText = ev.Kind, f.Text("verdict"), f.Text("signoff")
	case "aborted":
		p.End, p.Result = ev.Kind, f.Text("reason")
	}
	if incident(ev) {
		p.Incidents = append(p.Incidents, act)
	}
}

// strength orders the evidence; the program's own is none.
var strength = []transcript.Evidence{"", transcript.ByKeyboard, transcript.BySignature, transcript.ByDecrypt, transcript.ByShare}
