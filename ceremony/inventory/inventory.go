// Package inventory is how a record writes down the objects of a token, one a
// line, and how it compares what was there before with what was there after.
//
// A line says what the token says: nothing of it is the object's value. Objects
// that differ in a value alone are the same here; a key that was put in another
// one's place is seen by what it does not open.
package inventory

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// between stands between the name of an object and its attributes, which do not
// hold it.
const between = ": "

// Line writes down an object: class, label, id in hex, type, then its
// attributes, or why there are none.
func Line(class, label, id, kind string, attributes map[string]string, unread string) string {
	if unread != "" {
		return class + between + "not described by the token (" + unread + ")"
	}
	name := class + " " + strconv.Quote(label)
	if id != "" {
		name += " id " + id
	}
	if kind != "" {
		name += ", " + kind
	}
	var list []string
	for _, a := range slices.Sorted(maps.Keys(attributes)) {
		list = append(list, strings.TrimPrefix(a, "CKA_")+"="+attributes[a])
	}
	return name + between + strings.Join(list, " ")
}

// Name is a line without the attributes.
func Name(line string) string {
	name, _ := cut(line)
	return name
}

func cut(line string) (name, attributes string) {
	if i := strings.LastIndex(line, between); i >= 0 {
		return line[:i], line[i+len(between):]
	}
	return line, ""
}

// Difference is what came, what went, and what has other attributes now.
type Difference struct{ Added, Removed, Changed []string }

// Compare compares two lists. Of lines that are alike, each counts.
func Compare(before, after []string) Difference {
	gone, came := without(before, after), without(after, before)
	var d Difference
	for _, line := range came {
		name, now := cut(line)
		i := slices.IndexFunc(gone, func(l string) bool { return Name(l) == name })
		if i < 0 {
			d.Added = append(d.Added, line)
			continue
		}
		_, was := cut(gone[i])
		d.Changed = append(d.Changed, name+between+changes(was, now))
		gone = slices.Delete(gone, i, i+1)
	}
	d.Removed = gone
	return d
}

// without are the lines of a that are not in b, each as often as it is missing.
func without(a, b []string) []string {
	times := map[string]int{}
	for _, l := range b {
		times[l]++
	}
	var left []string
	for _, l := range a {
		if times[l] > 0 {
			times[l]--
		} else {
			left = append(left, l)
		}
	}
	return left
}

// changes are the attributes that differ.
func changes(was, now string) string {
	a, b := strings.Fields(was), strings.Fields(now)
	return fmt.Sprintf("%s, now %s", stated(without(a, b)), stated(without(b, a)))
}

func stated(attributes []string) string {
	if len(attributes) == 0 {
		return "not stated"
	}
	return strings.Join(attributes, " ")
}

// None tells whether nothing differs.
func (d Difference) None() bool { return len(d.Added)+len(d.Removed)+len(d.Changed) == 0 }

// Sentences say the difference, each object by its name.
func (d Difference) Sentences() []string {
	if d.None() {
		return []string{"nothing was added, removed or changed."}
	}
	var list []string
	for _, l := range d.Added {
		list = append(list, "added "+Name(l)+".")
	}
	for _, l := range d.Removed {
		list = append(list, "removed "+Name(l)+".")
	}
	for _, l := range d.Changed {
		list = append(list, "changed "+l+".")
	}
	return list
}

// NotMade says why a key is not shown to have been made in its HSM, "" if the
// token states that it was, and never could leave it.
func NotMade(attributes []string) string {
	for _, want := range []string{"LOCAL", "NEVER_EXTRACTABLE"} {
		if slices.Contains(attributes, "CKA_"+want+"=true") {
			continue
		}
		says := "does not state CKA_" + want
		if slices.Contains(attributes, "CKA_"+want+"=false") {
			says = "states CKA_" + want + "=false"
		}
		return "not shown to have been made in this HSM: the token " + says
	}
	return ""
}
