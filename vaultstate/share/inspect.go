package share

// Inspect tells what may be shown while a share is typed, after each key. It
// makes no copy of the text. While the text grows the form is a guess, and until
// there is one, groups are shown, as on the sheet. A text that is Done is one
// that Parse takes, unless its x-coordinate is 0 or base64 was cut within a
// byte; one that Parse takes is Done.
//
// Group numbers are recognised in a full text only: who types leaves them out.
func (s Scheme) Inspect(text []byte, want int) Entry {
	if want != 32 && want != 33 {
		return Entry{}
	}
	r := s.scan(text, want)
	e := Entry{Form: r.form(want), Typed: r.n}
	e.Total = total(e.Form, want, r.numbered)
	if e.Form == InGroups || e.Form == Unknown {
		e.mark(&r, want)
	}
	if e.Form != Unknown && e.Typed >= e.Total {
		e.Err = s.fault(&r, e.Form, want)
	}
	e.Done = e.Form != Unknown && e.Err == nil && (e.Typed >= e.Total || e.Form == InBase64 && base64Len(&r, want))
	return e
}

func (e *Entry) mark(r *scan, want int) {
	e.Count = GroupCount(want)
	for g := range e.Count {
		m := r.groups[g]
		from, to := GroupAt(g, want)
		e.Groups[g] = m.state
		if m.state == Wrong && e.Wrong == 0 {
			e.Wrong = g + 1
		}
		if m.chars < to-from && e.Current == 0 {
			e.Current, e.InGroup = g+1, m.chars
		}
	}
}
