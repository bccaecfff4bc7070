package ui

import (
	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
)

type keyPress = tea.KeyMsg

// A screen puts one Prompt to the people in the room. update returns their
// answer as a value, not as a message: the root takes it in the same turn, so
// no key press can fall between two steps.
type screen interface {
	update(msg tea.Msg) (*ceremony.Input, tea.Cmd)
	view(a area) page
	keys() []binding
}

// secretive is a screen that takes or shows a secret. show is called when it is
// drawn (again), hide when it is covered: what is shown is unbound, what is
// half typed waits in locked memory. answered is called before the answer is
// worked on, wipe when the page is left or locked, after which nothing of it is
// left here.
type secretive interface {
	show()
	hide()
	answered()
	wipe()
}

// typist is a screen that an automatic player can be seen to type on: done of
// total parts of the answer are in.
type typist interface {
	play(done, total int)
}

// typing is a screen on which ? is a character, not the help key.
type typing interface {
	fields() bool
}

// screenFor is the one switch over the kinds.
func (m *Model) screenFor(p ceremony.Prompt) screen {
	switch p.Kind {
	case ceremony.Read:
		return newRead(p)
	case ceremony.People:
		return newPeople(p)
	case ceremony.Form:
		return newForm(p)
	case ceremony.Rest:
		return newRest(p)
	case ceremony.Ask:
		return newAsk(p)
	case ceremony.AskSecret:
		return newPIN(p, m.decryption(), m.opt.Tap, m.opt.Send)
	case ceremony.AskShare:
		return newShare(p, m.run.Header().Practice, m.decryption(), m.opt.Tap, m.opt.Send)
	case ceremony.HandOver:
		return newHandOver(p)
	case ceremony.Confirm:
		return newConfirm(p)
	case ceremony.Show:
		if p.Reveal.Code {
			return newQR(p, m.opt.Writer, m.opt.Now)
		}
		return newShow(p, m.opt.Writer, m.opt.Now, m.opt.Look.Blocks)
	case ceremony.Choose:
		return newChoose(p)
	case ceremony.Work:
		return newWork(p, m.opt.Now)
	case ceremony.Attest:
		return newAttest(p)
	}
	panic("ui: a prompt of no known kind")
}

// field is one line of public text.
type field struct {
	text   []rune
	max    int
	pasted bool // the last thing that came was a paste, which does not count
}

// press takes a key. It tells whether the line was changed.
func (f *field) press(k keyPress) bool {
	f.pasted = false
	switch {
	case k.Paste:
		f.pasted = true
		return false
	case keyErase.is(k):
		if len(f.text) > 0 {
			f.text = f.text[:len(f.text)-1]
		}
	case keyClear.is(k):
		f.text = nil
	case k.Type == tea.KeySpace:
		f.add(' ')
	case k.Type == tea.KeyRunes && !k.Alt:
		for _, r := range k.Runes {
			f.add(r)
		}
	default:
		return false
	}
	return true
}

func (f *field) add(r rune) {
	if len(f.text) < f.max && r >= ' ' && r != 0x7f {
		f.text = append(f.text, r)
	}
}

func (f *field) String() string { return string(f.text) }

// notPasted is said when somebody pastes where a person must type.
const notPasted = "Pasted text does not count here. Type it."

// part is the first done of total parts of a word, for an automatic player.
func part(word string, done, total int) []rune {
	r := []rune(word)
	if total < 1 {
		return r
	}
	return r[:len(r)*done/total]
}
