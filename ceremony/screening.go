package ceremony

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"conclave/assets/clean"
	"conclave/ceremony/transcript"
	"conclave/hsm/secret"
	"conclave/vaultstate/share"
)

// What people type goes into a record that can never be changed. Sooner or
// later somebody types a share or a PIN there, so all text is looked at first.

const (
	mostText = 2048 // bytes of a public text
	fragment = 8    // bytes of a secret that are too many in a text

	// refusedText is all that the record says of such a text.
	refusedText = "text refused: looks like a secret"
)

// refuses tells whether a text must stay out of the record: it holds a part of
// a secret that is in use, or something of the shape of one. The refusal is
// recorded, the text is not.
func (r *Run) refuses(field, text string) (bool, error) {
	if !r.holdsSecret(text) && !SecretShape(text) {
		return false, nil
	}
	return true, r.recordRefused(field)
}

// refusesName is refuses for a person's name, of which it asks more.
func (r *Run) refusesName(field, text string) (bool, error) {
	if bad, err := r.refuses(field, text); bad || err != nil || !likeNoName(text) {
		return bad, err
	}
	return true, r.recordRefused(field)
}

func (r *Run) recordRefused(field string) error {
	return r.record("answer", Operator, "", transcript.Facts{"field": field, "value": refusedText})
}

// typed is a text for the record as a page asked for it: on one line, of at most
// so many bytes, and without a secret. If nothing was typed, the answer is the
// error given for that.
func (r *Run) typed(field, text string, most int, empty error) (string, error) {
	bad, err := r.refuses(field, text)
	text = strings.Join(strings.Fields(clean.Cut(text, most)), " ")
	switch {
	case err != nil:
		return "", err
	case bad:
		return "", askAgain("This looks like a share, a PIN, a token or a key.", "It was not recorded.", "Say it without the secret.")
	case text == "":
		return "", empty
	}
	return text, nil
}

// reasonNeeded is the answer to an empty reason.
func reasonNeeded(state string) error {
	return askAgain("A reason is needed.", state, "Type it in a few words.")
}

// screenWord looks at what was typed where a word is asked for. It is written
// nowhere, but it stood on the screen: that is in the record.
func (r *Run) screenWord(p *page, text string) error {
	if p.Kind != HandOver && p.Kind != Confirm || text == "" || sameWord(text, p.Word) {
		return nil
	}
	bad, err := r.refuses("a word: "+p.Word, text)
	if err != nil || !bad {
		return err
	}
	return askAgain("That is not "+p.Word+", but looks like a share, a PIN, a token or a key.", "It was not recorded, but it stood on the screen. "+r.stands(),
		"Who saw it? Note it as a deviation if it is one. Then type "+p.Word+".")
}

// holdsSecret compares a text with every secret that the run holds. Each
// comparison takes the same time whether or not it fits, and all are made.
func (r *Run) holdsSecret(text string) bool {
	found := 0
	for _, d := range r.devices() {
		found |= d.pin.in(text)
	}
	for i := range r.parts.marks {
		found |= r.parts.marks[i].in(text)
	}
	for _, s := range r.secrets() {
		found |= partOf(s, text)
	}
	return found != 0
}

// secrets are those in use now.
func (r *Run) secrets() []secret.Bytes {
	list := []secret.Bytes{r.env.PIN, r.delivery.text, r.cards.challenge.code}
	for _, g := range r.quorum.given {
		list = append(list, g.raw)
	}
	list = append(list, rawOf(r.authority.tried)...)
	if o := r.quorum.odd; o != nil {
		list = append(list, o.raw)
	}
	if i := r.delivery.issue; i != nil {
		for _, s := range i.Shares {
			list = append(list, s.Plain)
		}
		if i.Token != nil {
			list = append(list, i.Token.Plain)
		}
	}
	return list
}

// partOf is 1 if the text holds eight bytes of the secret or more, as they are,
// in hex, base64 or groups; of a shorter secret, all of it.
func partOf(s secret.Bytes, text string) int {
	if s.Len() == 0 {
		return 0
	}
	tight := strings.Join(strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(" \t:.,;-_/|", c) }), "")
	upper, blankless := []byte(strings.ToUpper(tight)), strings.Join(strings.Fields(text), "")
	found := windows(s.Expose(), []byte(text), fragment) | windows(s.Expose(), []byte(blankless), fragment) |
		windows(s.Expose(), []byte(tight), fragment)

	hex := share.Hex(s)
	found |= windows(upperCase(hex), upper, 2*fragment)
	hex.Wipe()
	for _, practice := range []bool{false, true} {
		groups := share.Scheme{Practice: practice}.Groups(s)
		// Eight bytes are 16 digits with two checks at least.
		found |= windows(groups.Expose(), upper, 2*fragment+2)
		groups.Wipe()
	}
	plain := []byte(strings.NewReplacer("-", "+", "_", "/").Replace(blankless))
	for from := range min(3, s.Len()) {
		b := s.Expose()[from:]
		coded := secret.New(base64.RawStdEncoding.EncodedLen(len(b)))
		base64.RawStdEncoding.Encode(coded.Expose(), b)
		found |= windows(coded.Expose(), plain, 11) // eight bytes are eleven characters
		coded.Wipe()
	}
	return found
}

// upperCase makes hex digits capital, in place.
func upperCase(hex secret.Bytes) []byte {
	b := hex.Expose()
	for i, c := range b {
		if c >= 'a' && c <= 'f' {
			b[i] = c - 'a' + 'A'
		}
	}
	return b
}

// windows is 1 if n bytes in a row of form are in text; all of form, if it is
// shorter.
func windows(form, text []byte, n int) int {
	n = min(n, len(form))
	found := 0
	for i := 0; i+n <= len(form); i++ {
		for j := 0; j+n <= len(text); j++ {
			found |= subtle.ConstantTimeCompare(form[i:i+n], text[j:j+n])
		}
	}
	return found
}

// pinMark knows a PIN again without keeping it.
type pinMark struct {
	key secret.Bytes
	sum [sha256.Size]byte
	n   int
}

// note remembers a PIN that the token took. An empty one was entered at the HSM
// itself.
func (m *pinMark) note(pin secret.Bytes) {
	m.wipe()
	if pin.Len() == 0 {
		return
	}
	m.key, m.n = secret.Random(sha256.Size), pin.Len()
	m.sum = m.of(pin.Expose())
}

func (m *pinMark) of(text []byte) (sum [sha256.Size]byte) {
	secret.Do(func() {
		both := secret.New(m.key.Len() + len(text))
		defer both.Wipe()
		secret.Copy(both.Expose(), m.key.Expose())
		secret.Copy(both.Expose()[m.key.Len():], text)
		sum = sha256.Sum256(both.Expose())
	})
	return sum
}

// in is 1 if the PIN is in a text.
func (m *pinMark) in(text string) int {
	if m.n == 0 {
		return 0
	}
	found := 0
	secret.Do(func() { // around all: each ends with a collection
		for _, t := range []string{text, strings.Join(strings.Fields(text), "")} {
			for i := 0; i+m.n <= len(t); i++ {
				sum := m.of([]byte(t[i : i+m.n]))
				found |= subtle.ConstantTimeCompare(sum[:], m.sum[:])
			}
		}
	})
	return found
}

func (m *pinMark) wipe() {
	m.key.Wipe()
	*m = pinMark{}
}
