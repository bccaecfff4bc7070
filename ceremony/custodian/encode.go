package custodian

import (
	"bytes"
	"encoding/json"
	"errors"
)

// Encode writes roster.json.
func (r *Roster) Encode() ([]byte, error) {
	c := r.clone()
	// Empty lists are written as such, so that one roster has one form.
	for _, l := range []*[]string{&c.Terms, &c.OldRecoveryKeys, &c.OldRootKeys} {
		if *l == nil {
			*l = []string{}
		}
	}
	if c.Sets == nil {
		c.Sets = []Set{}
	}
	for i := range c.Sets {
		if c.Sets[i].Holdings == nil {
			c.Sets[i].Holdings = []Holding{}
		}
	}
	if c.Tokens == nil {
		c.Tokens = []Token{}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(c); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Decode reads what Encode wrote, exactly.
func Decode(b []byte) (*Roster, error) {
	var r Roster
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, errors.New("reading the roster: it is not JSON of a roster")
	}
	if r.Format != format {
		return nil, errors.New("reading the roster: its format is not known")
	}
	again, err := r.Encode()
	if err != nil || !bytes.Equal(again, b) {
		return nil, errors.New("reading the roster: it is not written as Conclave writes it")
	}
	return &r, nil
}

// Same tells whether roster.json as found is what the transcripts give. One that
// an older program wrote says less of the holders.
func (r *Roster) Same(found []byte) bool {
	for _, c := range []*Roster{r, r.plain()} {
		if b, err := c.Encode(); err == nil && bytes.Equal(b, found) {
			return true
		}
	}
	return false
}
