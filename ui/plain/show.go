package plain

import (
	"strconv"
	"strings"

	"conclave/ceremony"
	"conclave/hsm/secret"
)

// word that must be typed before a secret is printed.
const showWord = "SHOW"

// show prints a secret after a word that says what printing means.
func (s *session) show(p ceremony.Prompt) (ceremony.Input, error) {
	s.sayf("The %s will be printed, and stays in this terminal's scrollback and in whatever records it. Nothing here can take it back.", p.Reveal.What)
	if p.Reveal.Offers {
		s.say("No QR code is shown here; with a screen, without -plain, the program offers one.")
	}
	in, err := s.word("Type "+showWord+" to print it", showWord)
	if err != nil {
		return ceremony.Input{}, err
	}
	if !strings.EqualFold(in.Text, showWord) {
		return ceremony.Input{}, &again{"That is not " + showWord + ". Nothing was printed."}
	}
	s.reveal(p)
	if len(p.Reveal.Words) > 0 {
		s.sayf("Fingerprint of the %s, not secret: %s.", p.Reveal.What, strings.Join(p.Reveal.Words, " "))
	}
	for {
		err := s.enter("Press enter when all is written down and was compared")
		if a, ok := err.(*again); ok { //nolint:errorlint // made two lines above
			s.say(a.text) // the secret is not printed twice for a slip
			continue
		}
		return ceremony.Input{}, err
	}
}

// reveal prints the secret from locked memory: no string is made of it.
func (s *session) reveal(p ceremony.Prompt) {
	text := p.Reveal.Text.Expose()
	each := p.Reveal.Group
	if each == 0 {
		each = len(text)
	}
	lead := "[" + said(p.StepID) + "] "
	const number = 24 // "12: " and the newline are shorter
	buf := secret.New((len(text)/max(each, 1)+1)*(len(lead)+number) + 2*len(text))
	defer buf.Wipe()
	b := buf.Expose()[:0]
	for i := 0; len(text) > 0; i++ {
		n := min(each, len(text))
		b = append(b, lead...)
		if p.Reveal.Group > 0 {
			b = append(strconv.AppendInt(b, int64(i+1), 10), ": "...)
		}
		for j := range n {
			if p.Reveal.Group > 0 && j > 0 && j%3 == 0 {
				b = append(b, ' ') // as it is written down: 798 114 Z
			}
			b = append(b, text[j])
		}
		b = append(b, '\n')
		text = text[n:]
	}
	_, _ = s.out.Write(b)
}
