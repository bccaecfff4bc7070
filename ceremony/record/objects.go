package record

import (
	"fmt"
	"slices"
	"strings"

	"conclave/ceremony/inventory"
	"conclave/ceremony/transcript"
)

// Objects is what the login saw in the token, before and after. What differs is
// worked out from the two lists, whatever the events say of it.
type Objects struct {
	Before ObjectList `json:"before"`
	After  ObjectList `json:"after"`

	Compared   bool                 `json:"compared"` // object by object
	Difference inventory.Difference `json:"difference"`
	Disagrees  bool                 `json:"disagrees,omitempty"` // the event says another difference
}

// ObjectList is one of the two lists.
type ObjectList struct {
	Event   uint64   `json:"event"` // 0: there is none
	Count   int      `json:"count"`
	Objects []string `json:"objects"`
	Problem string   `json:"problem,omitempty"`
}

func (l ObjectList) whole() bool {
	return l.Event > 0 && l.Problem == "" && l.Count == len(l.Objects)
}

func (p *Page) inventoried(ev transcript.Event) {
	f := ev.Facts
	t := p.token(f)
	if t.Objects == nil {
		t.Objects = &Objects{}
	}
	o := t.Objects
	list := ObjectList{ev.Seq, f.Number("count"), f.List("objects"), f.Text("problem")}
	if f.Text("moment") == "before" {
		o.Before = list
		return
	}
	o.After = list
	if o.Compared = o.Before.whole() && o.After.whole(); o.Compared {
		o.Difference = inventory.Compare(o.Before.Objects, o.After.Objects)
	}
	d := o.Difference
	o.Disagrees = !slices.Equal(d.Added, f.List("added")) || !slices.Equal(d.Removed, f.List("removed")) || !slices.Equal(d.Changed, f.List("changed"))
}

// device is what holds the key, by what it says of itself.
func (p *Page) device() string {
	if p.Equipment.Flag("software") {
		return "software token"
	}
	return "HSM"
}

// notMade says of a key that its origin is not shown, "" if the token states it.
func (p *Page) notMade(attributes []string) string {
	return strings.Replace(inventory.NotMade(attributes), "this HSM", "this "+p.device(), 1)
}

// inventory is what the login saw of keys, as far as the record shows it.
func (p *Page) inventory(out *document) {
	out.title("Keys in the " + p.device() + ", as the token states them")
	keys := p.of("key")
	if len(keys) == 0 {
		out.row("wrapping key", NotEvidenced)
	}
	for _, ev := range keys {
		f := ev.Facts
		made := "was there before"
		if f.Flag("generated") {
			made = "was made in this ceremony"
		}
		out.row(event(ev.Seq), strings.Join(filled("wrapping key "+f.Text("ref"), f.Text("type"), f.Text("mechanism"), made), ", "))
		out.row("", strings.Join(f.List("attributes"), " "))
		out.row("", p.notMade(f.List("attributes")))
	}
	p.signingKeys(out)
	p.objectRows(out, true)
	if t, which := p.second(); t != nil && t.Objects != nil {
		out.title("Keys in the " + which + " token, as it states them")
		t.Objects.rows(out, true)
	}
}

// objectRows says what else is in the token and what differs; whole lists, where
// there is room for them.
func (p *Page) objectRows(out *document, whole bool) {
	o := p.Objects
	if o == nil {
		out.row("objects", NotEvidenced)
		return
	}
	o.rows(out, whole)
}

func (o *Objects) rows(out *document, whole bool) {
	for _, l := range []struct {
		when string
		ObjectList
	}{{"before", o.Before}, {"after", o.After}} {
		switch {
		case l.Event == 0:
			out.row("objects", l.when+": not listed")
		case l.Problem != "":
			out.row("objects", fmt.Sprintf("%s: they could not be listed: %s (event %d)", l.when, l.Problem, l.Event))
		default:
			out.row("objects", fmt.Sprintf("%s: %d (event %d)", l.when, l.Count, l.Event))
		}
		if !whole {
			continue
		}
		for _, s := range l.Objects {
			out.row("", s)
		}
		if n := l.Count - len(l.Objects); n > 0 && l.Problem == "" {
			out.row("", fmt.Sprintf("and %d more, which were only counted", n))
		}
	}
	out.rows("difference", o.sentences())
}

// sentences say what differs, or why that is not known.
func (o *Objects) sentences() []string {
	switch {
	case !o.Compared:
		return []string{"not known: there are not two whole lists"}
	case o.Disagrees:
		return append(o.Difference.Sentences(), "the event itself says another difference than its lists show")
	}
	return o.Difference.Sentences()
}

// tokenItems are the open items that the token gives.
func (p *Page) tokenItems() []string {
	var list []string
	var made, gone []string
	for _, a := range p.Destroyed {
		gone = append(gone, fmt.Sprintf("%q id %s,", a.Facts.Text("label"), a.Facts.Text("id")))
		if label, id, ok := strings.Cut(a.Facts.Text("hmac_ref"), ":"); ok {
			gone = append(gone, fmt.Sprintf("%q id %s,", label, id))
		}
	}
	for _, ev := range p.of("key") {
		if why := p.notMade(ev.Facts.List("attributes")); why != "" {
			list = append(list, fmt.Sprintf("The wrapping key is %s (event %d).", why, ev.Seq))
		}
		if ev.Facts.Flag("generated") {
			made = append(made, fmt.Sprintf("%q id %s,", ev.Facts.Text("label"), ev.Facts.Text("id")))
		}
	}
	list = append(list, p.Objects.items(p.device(), "In the token", made, gone)...)
	if t, which := p.second(); t != nil {
		list = append(list, t.Objects.items(which+" token", "In the "+which+" token", made, gone)...)
	}
	return list
}

// items are what the two lists leave open, but for the keys that were made or
// destroyed.
func (o *Objects) items(device, where string, made, gone []string) []string {
	if o == nil {
		return nil
	}
	if !o.Compared {
		return []string{fmt.Sprintf("What was added to the %s or removed from it is not known.", device)}
	}
	var list []string
	d := o.Difference
	less := func(list, keys []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(l string) bool {
			return slices.ContainsFunc(keys, func(k string) bool { return strings.Contains(l, k) })
		})
	}
	d.Added, d.Removed = less(d.Added, made), less(d.Removed, gone)
	if !d.None() {
		for _, s := range d.Sentences() {
			list = append(list, fmt.Sprintf("%s: %s (event %d)", where, s, o.After.Event))
		}
	}
	if o.Disagrees {
		list = append(list, fmt.Sprintf("The inventory of event %d says another difference than its lists show.", o.After.Event))
	}
	return list
}

// keyUses lists the calls that used or made a key, for a comparison with the
// HSM's own log.
func (p *Page) keyUses(out *document) {
	out.title("Calls that used or made a key")
	if len(p.Calls) == 0 {
		out.row("", NotEvidenced)
		return
	}
	out.note("Each event has the calls since the one before it, as this program made them. The device's own log, where it keeps one, has to show the same.")
	for _, a := range p.Calls {
		for i, s := range a.Facts.List("calls") {
			if i == 0 {
				s += ", by " + clock(a.Time)
			}
			out.row(label(i, event(a.Event)), s)
		}
	}
}
