package transcript

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// Type is the type of a fact.
type Type string

// The types.
const (
	Text   Type = "text"
	Number Type = "number"
	Flag   Type = "flag"
	List   Type = "list"
)

// Fact is one fact that a kind of event may carry.
type Fact struct {
	Name     string
	Type     Type
	Required bool
	OneOf    []string // of a Text: the values it may have; nil for any
}

// Kind is a kind of event.
type Kind struct {
	Text  string // what such an event says
	Facts []Fact
}

// Shorthands for the table of Kinds.
func must(t Type, names ...string) []Fact { return facts(t, true, names) }
func may(t Type, names ...string) []Fact  { return facts(t, false, names) }
func one(name string, of ...string) []Fact {
	return []Fact{{Name: name, Type: Text, Required: true, OneOf: of}}
}

func facts(t Type, required bool, names []string) []Fact {
	var list []Fact
	for _, n := range names {
		list = append(list, Fact{Name: n, Type: t, Required: required})
	}
	return list
}

func kind(text string, facts ...[]Fact) Kind {
	return Kind{Text: text, Facts: slices.Concat(facts...)}
}

// maxNumber is the largest integer that every JSON reader reads alike.
const maxNumber = 1 << 53

// check refuses an entry that does not fit its kind.
func check(e Entry) error {
	k, ok := Kinds[e.Kind]
	if !ok {
		return fmt.Errorf("the kind %s is not known", short(e.Kind))
	}
	switch e.Evidence {
	case ByKeyboard, ByShare, ByDecrypt, BySignature, ByProgram:
	default:
		return fmt.Errorf("the evidence %s is not known", short(string(e.Evidence)))
	}
	for _, s := range []string{e.Step, e.Claimed} {
		if !plain(s) {
			return fmt.Errorf("the text %s holds what a line may not", short(s))
		}
	}
	known := 0
	for _, f := range k.Facts {
		v, ok := e.Facts[f.Name]
		if !ok {
			if f.Required {
				return fmt.Errorf("the kind %s needs the fact %s", e.Kind, f.Name)
			}
			continue
		}
		known++
		if err := f.check(v); err != nil {
			return fmt.Errorf("the fact %s of the kind %s: %w", f.Name, e.Kind, err)
		}
	}
	if known != len(e.Facts) {
		for name := range e.Facts {
			if !slices.ContainsFunc(k.Facts, func(f Fact) bool { return f.Name == name }) {
				return fmt.Errorf("the kind %s has no fact %s", e.Kind, short(name))
			}
		}
	}
	return nil
}

func (f Fact) check(v any) error {
	wrong := func() error { return fmt.Errorf("a value of type %s is needed", f.Type) }
	switch f.Type {
	case Text:
		s, ok := v.(string)
		switch {
		case !ok:
			return wrong()
		case !plain(s):
			return fmt.Errorf("%s holds what a line may not", short(s))
		case f.OneOf != nil && !slices.Contains(f.OneOf, s):
			return fmt.Errorf("%s is none of %q", short(s), f.OneOf)
		}
	case Number:
		n, ok := v.(int)
		if !ok {
			return wrong()
		}
		if n > maxNumber || n < -maxNumber {
			return fmt.Errorf("%d is too large", n)
		}
	case Flag:
		if _, ok := v.(bool); !ok {
			return wrong()
		}
	case List:
		l, ok := v.([]string)
		if !ok {
			return wrong()
		}
		for _, s := range l {
			if !plain(s) {
				return fmt.Errorf("%s holds what a line may not", short(s))
			}
		}
	}
	return nil
}

// plain tells whether a string may stand in a line as it is: valid UTF-8 and no
// control character, so that every reader sees the same and no terminal obeys.
func plain(s string) bool {
	for _, r := range s {
		if control(r) {
			return false
		}
	}
	return utf8.ValidString(s)
}

func control(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }

func isHash(s string) bool { return len(s) == 64 && isHex(s) }

func isHex(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// short quotes a text for an error, and cuts it.
func short(s string) string {
	if len(s) > 60 {
		return fmt.Sprintf("%q…", s[:60])
	}
	return fmt.Sprintf("%q", s)
}
