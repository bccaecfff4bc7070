package record

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"conclave/ceremony/transcript"
)

// Audit writes what an auditor asks for: on the first page the verdict, what
// was weakened, what deviated, what is still open and who took part; then the
// questions that auditors ask, the script with every event, and where in the
// record the controls of written rules can be seen.
func (p *Page) Audit(w io.Writer) error { return p.audit().text(w) }

// AuditHTML is Audit as one HTML file.
func (p *Page) AuditHTML(w io.Writer) error { return p.html(w, p.audit()) }

// AuditPDF is Audit on paper.
func (p *Page) AuditPDF(w io.Writer) error { return p.audit().pdf(w, p.Ended) }

func (p *Page) audit() *document {
	out := p.document("Key ceremony: for the auditor")
	p.summary(out)
	p.overrides(out)
	p.deviations(out)
	p.openItems(out)
	p.people(out)
	p.recovery(out)
	p.drill(out)
	p.signOff(out)
	out.Parts[len(out.Parts)-1].Break = true
	p.questions(out)
	p.afterwards(out)
	p.inventory(out)
	p.keyUses(out)
	p.script(out)
	p.controls(out)
	p.sources(out)
	p.headRows(out)
	howToCheck(out, p.Practice)
	return out
}

func (p *Page) summary(out *document) {
	out.title("Ceremony")
	out.row("ceremony", strings.Join(filled(p.Ceremony, p.ID), " "))
	out.row("vault", p.Header.Text("vault"))
	out.row("purpose", p.Header.Text("purpose"))
	out.row("began", when(p.Began))
	out.row("last event", when(p.Ended))
	out.row("end", strings.Join(filled(p.End, p.Result), ": "))
}

// deviations are what went another way than the script: what people noted, and
// what the program saw by itself.
func (p *Page) deviations(out *document) {
	out.title("Deviations")
	if len(p.Deviations) == 0 {
		out.row("", "none: nobody noted one")
	}
	for _, a := range p.Deviations {
		f := a.Facts
		out.row(event(a.Event), strings.Join(filled(clock(a.Time), enteredFor(a)), ", "))
		out.row("", nonEmpty("in step: ", a.step))
		for _, name := range []string{"expected", "happened", "decided", "decided_by", "effect"} {
			out.row("", nonEmpty(strings.ReplaceAll(name, "_", " ")+": ", f.Text(name)))
		}
	}
	out.title("Refused, failed, skipped, interrupted")
	if len(p.Incidents) == 0 {
		out.row("", "none")
	}
	for _, a := range p.Incidents {
		out.row(event(a.Event), strings.Join(filled(clock(a.Time), incidentText(a)), ", "))
	}
}

// of are the events of a kind.
func (p *Page) of(kind string) []transcript.Event {
	var list []transcript.Event
	for _, ev := range p.events {
		if ev.Kind == kind {
			list = append(list, ev)
		}
	}
	return list
}

func (p *Page) openItems(out *document) {
	out.title("Open items")
	items := p.open()
	if len(items) == 0 {
		out.row("", "none that the record shows")
	}
	for i, s := range items {
		out.row(fmt.Sprint(i+1), s)
	}
}

// open lists what somebody still has to do, or to answer for.
func (p *Page) open() []string {
	var list []string
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if p.End != "closed" {
		add("The ceremony did not come to its end: it is %s.", p.End)
	}
	if p.Code == 0 && !p.anchored {
		add("The head was not compared with one from outside of the record.")
	}
	for _, s := range p.Steps {
		if s.State != "done" {
			add("Step %d, %s, was %s (event %d).", s.Number, s.Title, unfinished[s.State], s.Event)
		}
	}
	list = append(list, p.openBackups()...)
	for _, ev := range p.of("room") {
		if ev.Facts.Text("program_hash") == otherHash {
			add("The hash of the program from an independent check was NOT THE SAME as what it reports of itself (event %d).", ev.Seq)
		}
	}
	list = append(list, p.tokenItems()...)
	list = append(list, p.openSigningKey()...)
	for _, ev := range p.of("clock-check") {
		if n := ev.Facts.Number("offset_s"); n > 60 || n < -60 {
			add("The watch of %s was %d seconds off the machine's clock (event %d).", ev.Claimed, n, ev.Seq)
		}
	}
	for _, w := range p.Works {
		if w.State == "begun" {
			add("The program began to %s, and no end is recorded (event %d).", w.Name, w.Event)
		}
	}
	for _, s := range p.Shares {
		if s.Proven.IsZero() && !p.isVoid(s.Set) {
			add("Share %d of %s was not proven (event %d).", s.Number, s.Custodian, s.Event)
		}
	}
	for _, a := range p.Void {
		add("The set %s never counted. Its shares are worth nothing and are taken back (event %d).", a.Facts.Text("set"), a.Event)
	}
	for _, a := range p.Tokens {
		if slices.ContainsFunc(p.Tokens, func(b Act) bool {
			return b.Facts.Text("accessor") == a.Facts.Text("accessor") && b.Facts.Text("fate") == "revoked"
		}) {
			continue
		}
		add("The root token with the accessor %s is valid until it is revoked (event %d).", a.Facts.Text("accessor"), a.Event)
	}
	kept := map[string]uint64{}
	for _, a := range p.Rollback {
		path := a.Facts.Text("path")
		kept[path] = a.Event
		if a.Facts.Text("choice") == "remove" {
			delete(kept, path)
		}
	}
	for _, a := range p.Rollback {
		if path := a.Facts.Text("path"); kept[path] == a.Event {
			text := ""
			if u := a.Facts.Text("until"); u != "" {
				text = fmt.Sprintf(" until %s, because: %s; %s", u, a.Facts.Text("reason"), a.Facts.Text("place"))
			}
			add("The old state was kept, in %s%s (event %d). With it the replaced shares work again.", path, text, a.Event)
		}
	}
	p.openRecovery(add)
	p.openDrill(add)
	p.openAfterwards(add)
	for _, who := range p.People {
		if !who.Present {
			add("%s, %s, was absent.", who.Name, who.Role)
		}
	}
	return append(list, p.signOffLacks()...)
}

// notStated is what the ceremony records of a line that was left empty.
const notStated = "not stated"

// otherHash is what it records where a hash from outside was another than the
// program's own, and the line was left empty then.
const otherHash = "not the same"

// openBackups are those of the HSM's key and of the storage that there are not, or
// of which nothing was said.
func (p *Page) openBackups() []string {
	var list []string
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	key := func(text, whose string, event uint64) {
		switch {
		case noBackup(text):
			add("The %[1]s's %[2]s has no backup: if this %[1]s is lost, no share opens anything (event %[3]d).", p.device(), whose, event)
		case text == notStated, strings.EqualFold(text, "unknown"):
			add("Whether the %[1]s's %[2]s has a backup was not stated (event %[3]d). Without one, the loss of the %[1]s is final.", p.device(), whose, event)
		}
	}
	for _, ev := range p.of("room") {
		key(ev.Facts.Text("backup"), "key", ev.Seq)
		if ev.Facts.Text("snapshot") == notStated {
			add("Whether there is a snapshot of the storage from before the change was not stated (event %d).", ev.Seq)
		}
	}
	for _, ev := range p.of("answer") {
		if ev.Facts.Text("field") == transcript.NewKeyBackup {
			key(ev.Facts.Text("value"), "new key", ev.Seq)
		}
	}
	return list
}

// noBackup tells whether somebody said that there is none.
func noBackup(text string) bool {
	t := strings.Trim(strings.ToLower(text), " .")
	return t == "no backup" || t == "no" || t == "none"
}

// unfinished is the state of a step that was not done, in words.
var unfinished = map[string]string{"begun": "begun and not done", "skipped": "skipped"}

func (p *Page) isVoid(set string) bool {
	return slices.ContainsFunc(p.Void, func(a Act) bool { return a.Facts.Text("set") == set })
}

// script is the ceremony as it went, step by step, with every event.
func (p *Page) script(out *document) {
	out.title("The script, as it went")
	out.note("Every event of the transcript, in its order. Times are UTC, of this machine's clock.")
	titles := map[string]string{}
	for _, s := range p.Steps {
		titles[s.ID] = fmt.Sprintf("STEP %d  %s", s.Number, s.Title)
	}
	step := ""
	for _, ev := range p.events {
		if title := titles[ev.Step]; ev.Step != step && title != "" {
			out.row(" ", title)
			step = ev.Step
		}
		describe(out, ev)
	}
}

// describe writes an event in words, with all its facts and no others.
func describe(out *document, ev transcript.Event) {
	kind := transcript.Kinds[ev.Kind]
	out.row(event(ev.Seq), fmt.Sprintf("%s  %s: %s", clock(ev.Time), ev.Kind, kind.Text))
	if ev.Evidence != transcript.ByProgram {
		out.row("", enteredFor(Act{Claimed: ev.Claimed, Evidence: ev.Evidence}))
	}
	for _, f := range kind.Facts {
		name := strings.ReplaceAll(f.Name, "_", " ")
		switch v := ev.Facts[f.Name].(type) {
		case nil:
		case []string:
			for _, s := range v {
				out.row("", name+": "+s)
			}
		default:
			if v != "" {
				out.row("", fmt.Sprintf("%s: %v", name, v))
			}
		}
	}
}
