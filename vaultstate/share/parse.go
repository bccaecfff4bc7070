package share

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"conclave/hsm/secret"
)

// Parse reads a share of want bytes (33, or 32 for a key that is not split) in
// any of the three forms. Errors about the text are *EntryError.
//
// What could be read in two ways is decided like this:
//   - where the groups check (all but two of at least four), the text is
//     grouped, whatever its length: a share broken off after 44 or 66
//     characters is not taken for base64 or hex;
//   - else the length decides: 2·want characters are hex, 44 (for 32 bytes also
//     43) are base64, 77 or 75 are groups;
//   - 44 characters that are all hex digits are a piece of a hex text: as base64
//     they are one share in 10^20, and that one can be typed as hex;
//   - with a question mark the text is grouped.
//
// Nothing is repaired but one character a group that is typed as a question
// mark: the group's check character gives it, and then checks no more. If the
// check character is the unreadable one, its group is taken unchecked.
func (s Scheme) Parse(text secret.Bytes, want int) (secret.Bytes, Form, error) {
	if want != 32 && want != 33 {
		return secret.Bytes{}, Unknown, fmt.Errorf("reading a share: it cannot have %d bytes", want)
	}
	var out secret.Bytes
	var form Form
	var fault *EntryError
	secret.Do(func() {
		r := s.scan(text.Expose(), want)
		form = r.form(want)
		if fault = s.fault(&r, form, want); fault != nil {
			return
		}
		out, fault = s.decode(&r, text.Expose(), form, want)
		if fault == nil && want == 33 && X(out) == 0 {
			fault = r.err(XZero, form, want)
		}
	})
	if fault != nil {
		out.Wipe()
		return secret.Bytes{}, form, fault
	}
	return out, form, nil
}

// form decides on the form of a text, complete or not.
func (r *scan) form(want int) Form {
	checks := r.full >= 4 && r.good >= r.full-2
	switch {
	case r.n == 0:
		return Unknown
	case r.unread > 0, checks, r.numbered:
		return InGroups
	case r.n == 2*want && r.hex == r.n:
		return InHex
	case r.n == groupedLen(want):
		return InGroups
	case base64Len(r, want) && r.hex < r.n:
		return InBase64
	case r.n == 2*want:
		return InHex
	}
	return r.likely(want)
}

// likely guesses the form of a text that has the length of none.
func (r *scan) likely(want int) Form {
	switch {
	case 4*r.hex < 3*r.n && (r.full == 0 || r.good < r.full):
		return InBase64 // a third of base64 is hex digits, nearly all of the others
	case r.n <= groupHex && r.hex == r.n:
		return Unknown
	case r.n > 2*want, r.full == 0, 2*r.good >= r.full:
		return InGroups
	case r.hex < r.n && r.full < 4:
		return InGroups // hex has no other letters: a wrong group or two
	}
	return InHex
}

// base64Len says whether the text has the length of want bytes in base64.
func base64Len(r *scan, want int) bool {
	return r.n == base64.StdEncoding.EncodedLen(want) ||
		r.padding == 0 && r.n == base64.RawStdEncoding.EncodedLen(want)
}

func total(form Form, want int, numbered bool) int {
	switch form {
	case InHex:
		return 2 * want
	case InBase64:
		return base64.StdEncoding.EncodedLen(want)
	case InGroups, Unknown:
	}
	if numbered {
		return numberedLen(want)
	}
	return groupedLen(want)
}

func (r *scan) err(kind Kind, form Form, want int) *EntryError {
	e := r.entryError(kind, form, want)
	return &e
}

func (r *scan) entryError(kind Kind, form Form, want int) EntryError {
	return EntryError{Kind: kind, Form: form, Typed: r.n, Total: total(form, want, r.numbered)}
}

// fault says what is wrong with a text that is said to be complete, nil if
// nothing is that can be seen without decoding it.
func (s Scheme) fault(r *scan, form Form, want int) *EntryError {
	switch form {
	case InGroups:
		return s.groupFault(r, want)
	case InHex:
		if r.n != 2*want {
			return r.err(BadLength, form, want)
		}
		if r.hex != r.n {
			return r.err(BadAlphabet, form, want)
		}
	case InBase64:
		if r.base64+r.padding != r.n {
			return r.err(BadAlphabet, form, want)
		}
		if !base64Len(r, want) || r.base64 != base64.RawStdEncoding.EncodedLen(want) {
			return r.err(BadLength, form, want)
		}
	case Unknown:
		return r.err(BadLength, form, want)
	}
	return nil
}

func (s Scheme) groupFault(r *scan, want int) *EntryError {
	e := r.entryError(BadLength, InGroups, want)
	count := GroupCount(want)
	complete := e.Typed == e.Total
	bad, own, other := 0, 0, 0
	for g := range r.groups[:count] {
		m := r.groups[g]
		if m.other {
			other++
		}
		switch m.state {
		case Good, Completed:
			own++
		case Wrong:
			e.Groups = append(e.Groups, g+1)
			if m.bad {
				bad++
			}
		case Open, Typing:
		}
	}
	switch {
	case complete && other >= count-2 && other > own: // a slip or two do not hide it
		e.Kind, e.Groups = IsPractice, nil
		if s.Practice {
			e.Kind = IsReal
		}
	case !complete:
		// From the first wrong group on, or the one that was not finished.
		if len(e.Groups) == 0 && r.full < count {
			e.Groups = append(e.Groups, r.full+1)
		}
	case len(e.Groups) == 0:
		return nil
	case bad == len(e.Groups):
		e.Kind = BadAlphabet
	default:
		e.Kind = BadCheck
	}
	fault := e // only now on the heap: Inspect calls this for good texts too
	return &fault
}

// decode makes the bytes of a text without fault.
func (s Scheme) decode(r *scan, text []byte, form Form, want int) (secret.Bytes, *EntryError) {
	out := secret.New(want)
	if form == InGroups {
		s.decodeGroups(out.Expose(), text, r.numbered)
		return out, nil
	}
	chars := secret.New(r.n)
	defer chars.Wipe()
	n := 0
	for _, c := range text {
		if !separator(c) && c != '=' {
			chars.Expose()[n] = c
			n++
		}
	}
	var err error
	if form == InHex {
		_, err = hex.Decode(out.Expose(), chars.Expose()[:n])
	} else {
		_, err = base64.RawStdEncoding.Strict().Decode(out.Expose(), chars.Expose()[:n])
	}
	if err != nil { // bits beyond the last byte, in base64
		out.Wipe()
		return secret.Bytes{}, r.err(BadAlphabet, form, want)
	}
	return out, nil
}

func (s Scheme) decodeGroups(out, text []byte, numbered bool) {
	s.eachGroup(text, len(out), numbered, func(g int, group groupScan) {
		digits := group.chars - 1
		v := group.value
		if group.miss >= 0 {
			v |= uint32(group.repair) << (4 * (digits - 1 - int(group.miss))) //nolint:gosec // 0 to 15
		}
		for k := digits/2 - 1; k >= 0; k-- {
			out[g*groupHex/2+k] = byte(v)
			v >>= 8
		}
	})
}
