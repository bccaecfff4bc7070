package record

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"conclave/assets/words"
	"conclave/ceremony/transcript"
)

// report is the page as a document. The order is: what weakens the record first.
func (p *Page) report() *document {
	out := p.document(p.heading())
	p.overrides(out)
	p.deviations(out)
	p.about(out)
	p.people(out)
	p.recovery(out)
	p.drill(out)
	p.equipment(out)
	p.target(out)
	p.steps(out)
	p.acts(out)
	p.keys(out)
	p.shares(out)
	p.session(out)
	p.works(out)
	p.afterwards(out)
	p.signOff(out)
	p.headRows(out)
	howToCheck(out, p.Practice)
	return out
}

func (p *Page) overrides(out *document) {
	out.title("Overrides")
	if len(p.Overrides) == 0 {
		out.row("", "none: no rule was weakened")
	}
	for _, o := range p.Overrides {
		out.row(event(o.Event), o.Sentence)
		out.row("", nonEmpty("entered for ", o.Who))
		out.row("", nonEmpty("reason: ", o.Why))
	}
}

func (p *Page) about(out *document) {
	f := p.Header
	out.title("Ceremony")
	out.row("ceremony", p.Ceremony)
	out.row("id", p.ID)
	out.row("purpose", f.Text("purpose"))
	out.row("vault", f.Text("vault"))
	out.row("place", f.Text("place"))
	out.row("began", when(p.Began))
	out.row("last event", when(p.Ended))
	end := p.End
	if p.Result != "" {
		end += ": " + p.Result
	}
	out.row("end", end)
	if n := f.Number("sequence"); n > 0 {
		out.row("number", fmt.Sprintf("%d of this vault", n))
	}
	out.row("record before", strings.Join(filled(f.Text("previous_head"), f.Text("previous_outcome")), ", "))
	if n := f.Number("custody_events"); n > 0 {
		out.row("custody chain", fmt.Sprintf("%d events when this began, head %s", n, f.Text("custody_head")))
	}
	if n := f.Number("run"); n > 0 {
		out.row("run", fmt.Sprintf("%d of all that were begun in its directory", n))
		out.row("run before", strings.Join(filled(f.Text("run_before"), f.Text("run_before_outcome")), ", "))
	}
	out.row("program", f.Text("program"))
	out.row("its SHA-256", nonEmpty("", f.Text("program_sha256")))
	if f.Text("program_sha256") != "" {
		out.row("", "self-reported: a false program prints what it likes")
	}
	out.row("machine", strings.TrimSpace(f.Text("host")+" "+f.Text("os")))
	out.row("secrets in", p.Machine.Text("memory"))
	out.row("terminal", p.Machine.Text("terminal"))
	out.rows("shortfalls", p.Machine.List("shortfalls"))
	out.rows("recorders", p.Machine.List("recorders"))
	out.row("plan SHA-256", f.Text("plan_sha256"))
	out.rows("agreed plan", f.List("plan"))
	out.row("times", "are this machine's clock, UTC")
	p.room(out)
}

// room is what people said of it, and their watches.
func (p *Page) room(out *document) {
	for _, ev := range p.of("room") {
		f := ev.Facts
		out.row("place", f.Text("place"))
		out.row("bags opened", f.Text("bags"))
		out.row("equipment", f.Text("equipment"))
		out.row("day's news", f.Text("value"))
		hash := f.Text("program_hash")
		if hash != notStated && hash != otherHash {
			hash += ", entered from an independent check"
		}
		out.row("checked hash", hash)
		out.row("key's backup", f.Text("backup"))
		out.row("snapshot", f.Text("snapshot"))
	}
	for _, ev := range p.of("clock-check") {
		f := ev.Facts
		out.row("watch", fmt.Sprintf("%s: %s when the machine said %s, %s: %d s off", ev.Claimed, f.Text("watch"), f.Text("machine"), f.Text("zone"), f.Number("offset_s")))
	}
}

func (p *Page) people(out *document) {
	out.title("People")
	for _, who := range p.People {
		role := who.Role
		if who.Number > 0 {
			role = fmt.Sprintf("%s %d", role, who.Number)
		}
		evidence := says(who.Evidence)
		if !who.Present {
			evidence = "absent"
		}
		out.row(role, strings.Join(filled(who.Name, who.LookAlike, who.Organisation, checkedBy(who), evidence), ", "))
	}
	for _, a := range p.Approvals {
		f := a.Facts
		out.row("approver", strings.Join(filled(f.Text("name"), lookAlike(f.Text("name")), f.Text("organisation"),
			fmt.Sprintf("approved the plan before the day, %s signature (event %d)", f.Text("kind"), a.Event)), ", "))
		out.row("", "key "+f.Text("key"))
		out.row("", "signed text SHA-256 "+f.Text("text_sha256"))
	}
	p.comings(out)
	out.row("together", p.together())
}

// together counts the people by the strongest evidence of each.
func (p *Page) together() string {
	by := map[transcript.Evidence]int{}
	for _, who := range p.People {
		if who.Present {
			by[who.Evidence]++
		}
	}
	return fmt.Sprintf("%d claimed, %d by share, %d by decryption, %d by signature, %d by keyboard only, %d without an act",
		len(p.People), by[transcript.ByShare], by[transcript.ByDecrypt], by[transcript.BySignature], by[transcript.ByKeyboard], by[""])
}

// checkedBy says how somebody was identified.
func checkedBy(who Person) string {
	switch who.CheckedBy {
	case "":
		return ""
	case notStated:
		return "identity not stated"
	}
	return "identity checked by " + who.CheckedBy
}

// comings are the breaks, and who left and arrived once it was marked who is
// here.
func (p *Page) comings(out *document) {
	if len(p.Comings) == 0 {
		out.row("breaks", "none; nobody left or arrived during the ceremony, as far as it is recorded")
	}
	for _, a := range p.Comings {
		out.row(event(a.Event), clock(a.Time)+", "+comingText(a))
	}
}

func comingText(a Act) string {
	f := a.Facts
	who := strings.Join(filled(f.Text("name"), lookAlike(f.Text("name")), f.Text("role"), f.Text("organisation")), ", ")
	switch a.Kind {
	case "arrived":
		if f.Flag("planned") {
			return "arrived: " + who
		}
		return "arrived, not named in the plan: " + who
	case "left":
		return "left: " + who + ": " + f.Text("reason")
	case "break":
		text := "break: " + f.Text("reason") + "; decided by " + f.Text("decided_by") + nonEmpty("; expected back: ", f.Text("back"))
		if n := f.Number("wiped"); n > 0 {
			text += fmt.Sprintf("; %d shares that were in were wiped", n)
		}
		return text
	}
	same := "the vault was what it was"
	if !f.Flag("same") {
		same = "THE VAULT WAS NOT WHAT IT WAS"
	}
	return fmt.Sprintf("break ended after %s; %s; here: %s", time.Duration(f.Number("duration_s"))*time.Second, same, strings.Join(f.List("people"), ", "))
}

// says puts evidence in words. Nothing makes a keyboard a person.
func says(e transcript.Evidence) string {
	switch e {
	case transcript.ByShare:
		return "known by a share of theirs"
	case transcript.ByDecrypt:
		return "known by an answer to their key"
	case transcript.BySignature:
		return "known by a signature"
	case transcript.ByKeyboard:
		return "keyboard only"
	case transcript.ByProgram:
		return "the program"
	}
	return "no act of theirs is recorded"
}

// server is what a running server said of itself, and what was asked of it.
func (p *Page) server(out *document) {
	if p.Server == nil {
		return
	}
	f := p.Server
	out.title("The server, in its own words")
	out.row("address", f.Text("address"))
	out.row("version", f.Text("version"))
	out.row("cluster", strings.Join(filled(f.Text("cluster"), f.Text("cluster_id")), ", "))
	out.rows("certificate", f.List("certificates"))
	out.row("token", f.Text("token"))
	out.rows("offers", f.List("ways"))
	out.rows("environment", f.List("variables"))
	requests := 0
	for _, a := range p.Requests {
		requests += len(a.Facts.List("requests"))
		if n := a.Facts.Text("nonce"); n != "" {
			out.row("pending", fmt.Sprintf("nonce %s (event %d)", n, a.Event))
		}
	}
	out.row("requests", fmt.Sprintf("%d, each with its status and the server's id of it in the events requests", requests))
}

func (p *Page) equipment(out *document) {
	p.server(out)
	if p.Equipment == nil && p.Key == nil {
		return
	}
	name := p.device()
	out.title(strings.ToUpper(name[:1]) + name[1:] + ", in its own words")
	tokenRows(out, p.Equipment)
	for _, a := range p.LoggedOut {
		out.row("logged out", strings.Join(filled(clock(a.Time), whyOut[a.Facts.Text("why")], a.Facts.Text("result")), ", "))
	}
	keyRows(out, p.Key, p.SelfTest)
	p.objectRows(out, false)
	out.row("randomness", strings.Join(filled(p.Entropy.Text("sources"), p.Entropy.Text("why")), ": "))
	p.signingKey(out)
	if n, which := p.second(); n != nil {
		title := "The key that the vault moves to, in the token's own words"
		if which == "old" {
			title = "The key that is destroyed, in the token's own words"
		}
		out.title(title)
		tokenRows(out, n.Equipment)
		keyRows(out, n.Key, n.SelfTest)
		if n.Objects != nil {
			n.Objects.rows(out, false)
		}
	}
	for _, a := range p.Destroyed {
		out.row("destroyed", fmt.Sprintf("%s in the token %s, serial %s (event %d)", a.Facts.Text("ref"), a.Facts.Text("token"), a.Facts.Text("serial"), a.Event))
	}
	p.anchorRows(out)
}

// anchorRows say what the HSM keeps of the vault, and which states were adopted.
func (p *Page) anchorRows(out *document) {
	for _, a := range p.Anchors {
		f := a.Facts
		text := fmt.Sprintf("%s: %s, number %d of the vault", f.Text("moment"), f.Text("ceremony"), f.Number("sequence"))
		switch f.Text("moment") {
		case "lacking":
			text = "none: " + f.Text("problem")
		case "removed":
			text = "removed: there is no vault"
		case "found":
			text += ", " + anchorVerdicts[f.Text("verdict")]
		}
		out.row("anchor", fmt.Sprintf("%s (event %d)", text, a.Event))
	}
	for _, a := range p.Adopted {
		out.row("adopted", fmt.Sprintf("%s By %s: %s (event %d)", strings.Join(a.Facts.List("found"), " "), a.Facts.Text("by"), a.Facts.Text("reason"), a.Event))
	}
}

var anchorVerdicts = map[string]string{"same": "this state", "next": "this state, of a commit whose record was cut off",
	"older": "a later state than this one", "unknown": "another state than this one"}

func tokenRows(out *document, f transcript.Facts) {
	out.row("token", f.Text("token"))
	out.row("made by", strings.Join(filled(f.Text("manufacturer"), f.Text("model")), ", "))
	out.row("serial", f.Text("serial"))
	out.row("firmware", f.Text("firmware"))
	out.row("library", f.Text("library"))
	out.row("its SHA-256", f.Text("library_sha256"))
	out.row("", f.Text("library_info"))
	out.row("PIN", strings.Join(filled(f.Text("pin_state"), f.Text("login")), ", "))
}

// keyRows are a wrapping key and what it was seen to do.
func keyRows(out *document, k transcript.Facts, test []string) {
	out.row("key", strings.Join(filled(k.Text("ref"), k.Text("type"), k.Text("mechanism"), k.Text("oaep_hash")), ", "))
	if k.Flag("generated") {
		out.row("", "generated in this ceremony")
	}
	out.row("", strings.Join(k.List("attributes"), " "))
	out.row("HMAC key", k.Text("hmac_ref"))
	out.row("", strings.Join(k.List("hmac_attributes"), " "))
	out.rows("self-test", test)
}

// whyOut is why the login at the token ended.
var whyOut = map[string]string{"break": "for a break", "end": "before the sign-off", "stop": "when the ceremony was stopped"}

// stateRows are the facts of a vault's state, in the order of the page.
var stateRows = []struct{ label, fact string }{
	{"storage", "storage"}, {"core digest", "digest"}, {"recovery key", "recovery_key"}, {"root key", "root_key"},
	{"sealed with", "seal_key"}, {"mechanism", "mechanism"}, {"HMAC key", "hmac_key"},
}

func (p *Page) target(out *document) {
	p.state(out, "Vault before", p.Before)
	p.state(out, "Vault after", p.After)
	for _, a := range p.Rollback {
		out.row("old state", strings.Join(filled(a.Facts.Text("choice"), a.Facts.Text("path"), a.Facts.Text("reason")), ", "))
	}
}

func (p *Page) state(out *document, title string, f transcript.Facts) {
	if f == nil {
		return
	}
	out.title(title)
	if initialized, ok := f["initialized"].(bool); ok && !initialized {
		out.row("initialised", "no")
	}
	for _, r := range stateRows {
		out.row(r.label, f.Text(r.fact))
	}
	if f.Number("shares") > 0 {
		out.row("shares", fmt.Sprintf("%d, of which %d are needed", f.Number("shares"), f.Number("threshold")))
	}
	for i, t := range f.List("terms") {
		// A term and its digest: too long for one row.
		term, digest, _ := strings.Cut(t, " ")
		out.row(label(i, "terms"), term)
		out.row("", digest)
	}
	out.rows("left behind", f.List("leftovers"))
	out.rows("no server at", f.List("looked_at"))
}

func (p *Page) steps(out *document) {
	out.title("Steps")
	for _, s := range p.Steps {
		state := s.State
		if state == "done" {
			state = fmt.Sprintf("%s to %s", clock(s.Began), clock(s.Ended))
		} else {
			state = fmt.Sprintf("%s, %s", clock(s.Began), strings.ToUpper(state))
		}
		out.row(fmt.Sprintf("%2d  %s", s.Number, event(s.Event)), fmt.Sprintf("%-24s%s", s.Title, state))
	}
}

func (p *Page) acts(out *document) {
	if len(p.Confirmed) > 0 {
		out.title("Confirmed")
	}
	for _, a := range p.Confirmed {
		out.row(event(a.Event), a.Facts.Text("what"))
		word := a.Facts.Text("word")
		if word == "" {
			word = "enter"
		}
		out.row("", fmt.Sprintf("%s %s, %s", word, enteredFor(a), clock(a.Time)))
	}
}

// enteredFor names who an act is of, in words that claim no more than the
// evidence shows.
func enteredFor(a Act) string {
	s := "entered for " + a.Claimed
	if role := a.Facts.Text("role"); role != "" {
		s += " (" + role + ")"
	}
	return s + ", " + says(a.Evidence)
}

func (p *Page) shares(out *document) {
	if len(p.Shares)+len(p.Void)+len(p.Tokens) > 0 {
		out.title("Shares and tokens that were issued")
	}
	set := ""
	for _, s := range p.Shares {
		if s.Set != set {
			set = s.Set
			out.row("set", fmt.Sprintf("%s, %d shares, %d needed", s.Set, s.Of, s.Threshold))
		}
		proven := "NOT PROVEN"
		if !s.Proven.IsZero() {
			proven = "proven " + clock(s.Proven)
		}
		if !s.Taken.IsZero() {
			proven += ", acknowledged " + clock(s.Taken)
		}
		out.row(fmt.Sprintf("share %d", s.Number), strings.Join(filled(s.Custodian, proven, delivered(s)), ", "))
		out.row("", nonEmpty("fingerprint ", fingerprintWords(s.Fingerprint)))
		out.row("", nonEmpty("to the key ", s.PGP))
		out.row("", nonEmpty("in ", s.File))
		out.row("", s.SHA256)
	}
	for _, a := range p.Void {
		out.row("void", strings.Join(filled("set "+a.Facts.Text("set"), a.Facts.Text("reason")), ": "))
	}
	for _, a := range p.Tokens {
		f := a.Facts
		out.row("root token", strings.Join(filled("accessor "+f.Text("accessor"), nonEmpty("to ", f.Text("receiver")), nonEmpty("for: ", f.Text("purpose")), nonEmpty("to be revoked by ", f.Text("until")), f.Text("delivery"), f.Text("fate")), ", "))
	}
}

func delivered(s Share) string {
	if s.Delivery == "pgp" {
		return "encrypted to their key"
	}
	return "shown on the screen"
}

// fingerprintWords says the first eight bytes of a share's fingerprint.
func fingerprintWords(s string) string {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) < 8 {
		return s
	}
	return strings.Join(words.Words(b[:8]), " ")
}

func (p *Page) works(out *document) {
	if len(p.Works) > 0 {
		out.title("What the program did")
	}
	for _, w := range p.Works {
		took := time.Duration(w.TookMS) * time.Millisecond
		state := fmt.Sprintf("done in %s", took)
		if w.State != "done" {
			state = strings.ToUpper(w.State)
			if w.State == "begun" {
				state = "BEGUN, no end is recorded"
			}
		}
		out.row(event(w.Event), fmt.Sprintf("%s: %s, %s", w.Name, clock(w.Began), state))
		out.row("", strings.Join(filled(w.Reason, w.Code), ", "))
		for _, c := range w.Checks {
			out.row("", c)
		}
	}
}

func incidentText(a Act) string {
	f := a.Facts
	switch a.Kind {
	case "share-entered":
		return fmt.Sprintf("a share %s was refused: %s", enteredFor(a), f.Text("reason"))
	case "pgp-key":
		if f.Text("result") == "unchecked" {
			return "the PGP key of " + f.Text("custodian") + " was not compared with a card of their own"
		}
		return "the PGP key of " + f.Text("custodian") + " was NOT the one on their card (groups " + f.Text("groups") + ")"
	case "challenge":
		return "a challenge to the PGP key of " + a.Claimed + " " + answer(a)
	case "quorum":
		return fmt.Sprintf("%d shares did not make the key", f.Number("given"))
	case "step":
		return "step skipped: " + f.Text("title")
	case "clock-jump":
		return fmt.Sprintf("the clock jumped: %d ms passed on it, %d ms since the machine was started", f.Number("wall_ms"), f.Number("boot_ms"))
	case "resumed":
		s := "the ceremony went on after an interruption"
		if n := f.Number("torn"); n > 0 {
			s += fmt.Sprintf("; %d bytes of a torn line were moved to %s", n, f.Text("torn_file"))
		}
		return s
	case "void":
		return "the set " + f.Text("set") + " never counted: " + f.Text("reason")
	case "aborted":
		return "stopped: " + f.Text("reason") + " " + f.Text("state")
	}
	return a.Kind + ": " + strings.Join(filled(f.Text("work"), f.Text("reason"), f.Text("code")), ", ")
}

func (p *Page) headRows(out *document) {
	out.title("Head: compare it with the paper")
	h, err := transcript.ParseHead(p.Head)
	if err != nil || p.Events == 0 {
		out.row("", "none: there is no event")
		return
	}
	out.row("events", fmt.Sprint(p.Events))
	out.row("SHA-256", p.Head)
	for _, r := range h.Rows() {
		out.row("", headRow(r))
	}
}

// ChainScript checks a transcript's chain with nothing but a shell.
const ChainScript = `p=$(printf %064d 0); n=0
while IFS= read -r l; do n=$((n+1))
  case $l in *"\"prev\":\"$p\",\"salt\""*) ;;
  *) echo "broken: line $n"; exit 4;; esac
  p=$(printf '%s\n' "$l" | sha256sum | cut -c1-64)
done < transcript.jsonl
echo "$n lines, head $p"`

func howToCheck(out *document, practice bool) {
	out.title("How to check without us")
	file := "transcript.jsonl"
	if practice {
		file = "PRACTICE-transcript.jsonl"
	}
	out.note("The head is the hash of the last line:")
	out.code("tail -n1 " + file + " | sha256sum")
	out.note("Compare it with what the witnesses wrote on paper. The other files:")
	out.code("sha256sum -c " + strings.Replace(file, "transcript.jsonl", "sha256sums", 1))
	out.note("Each line holds the hash of the line before. A shell follows the chain:")
	out.code(strings.ReplaceAll(ChainScript, "transcript.jsonl", file))
}

func event(n uint64) string { return fmt.Sprintf("event %d", n) }

// nonEmpty puts a word before a value that is there.
func nonEmpty(before, value string) string {
	if value == "" {
		return ""
	}
	return before + value
}

// filled leaves out what is empty.
func filled(list ...string) []string {
	var out []string
	for _, s := range list {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}
