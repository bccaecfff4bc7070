package ui

import (
	"strings"

	"github.com/charmbracelet/bubbles/key"
)

// binding is a key with its label in two lengths: the long one where there is
// room for it. A binding that is always drawn is never dropped from the footer.
type binding struct {
	key.Binding
	short  string
	always bool
}

// bind makes a binding. What is drawn for the key is shown, then the label.
func bind(shown, long, short string, keys ...string) binding {
	return binding{Binding: key.NewBinding(key.WithKeys(keys...), key.WithHelp(shown, long)), short: short}
}

func (b binding) kept() binding {
	b.always = true
	return b
}

// as is the same key with another label.
func (b binding) as(long, short string) binding {
	b.SetHelp(b.Help().Key, long)
	b.short = short
	return b
}

// The keys. Esc loses no work anywhere: on a slow line an arrow key begins with
// it.
var (
	keyEnter   = bind("enter", "go on", "go on", "enter")
	keySpace   = bind("space", "mark", "mark", " ")
	keyDiffers = bind("x", "row differs", "differs", "x", "X")
	keyUp      = bind("up", "back", "back", "up", "k")
	keyBack    = bind("↑", "back", "back", "up", "k")
	keyDown    = bind("down", "next line", "next line", "down", "j")
	keyChoose  = bind("↑↓", "choose", "choose", "up", "down")
	keyMore    = bind("+", "more time", "more time", "+", "=")
	keyQR      = bind("q", "QR code", "QR", "q", "Q")
	keyClear   = bind("ctrl+u", "clear the line", "clear", "ctrl+u")
	keyAgain   = bind("ctrl+u", "all again", "all again", "ctrl+u")
	keyGroup   = bind("ctrl+g", "type the group again", "group again", "ctrl+g")
	keyDecrypt = bind("ctrl+d", "decrypt with gpg", "gpg", "ctrl+d")
	keyOther   = bind("ctrl+x", "somebody else is next", "somebody else is next", "ctrl+x")
	keyErase   = bind("backspace", "erase", "erase", "backspace", "ctrl+h")
	keyTab     = bind("tab", "complete the name", "complete", "tab")
	keyEsc     = bind("esc", "back", "back", "esc")
	keyAny     = bind("any key", "back", "back")

	keyBlank = bind("F1", "blank the screen", "blank", "f1", "ctrl+l").kept()
	keyHelp  = bind("?", "help", "help", "?")
	keyStop  = bind("ctrl+c", "stop safely", "stop", "ctrl+c").kept()
)

// most is how many keys a footer holds.
const most = 6

// footer packs the bindings into w columns: with long labels in a large window
// if they fit, else with short ones, else without those at the right that may
// be dropped.
func footer(a area, keys []binding, w int) string {
	for len(keys) > most {
		keys = drop(keys)
	}
	line := packed(a, keys, a.roomy)
	if width(line) > w {
		line = packed(a, keys, false)
	}
	for width(line) > w {
		fewer := drop(keys)
		if len(fewer) == len(keys) {
			break
		}
		keys = fewer
		line = packed(a, keys, false)
	}
	return fill(line, w, "")
}

// drop leaves out the last binding that may go.
func drop(keys []binding) []binding {
	for i := len(keys) - 1; i > 0; i-- {
		if !keys[i].always {
			return append(append([]binding(nil), keys[:i]...), keys[i+1:]...)
		}
	}
	return keys
}

func packed(a area, keys []binding, long bool) string {
	line := " "
	for i, b := range keys {
		if i > 0 {
			line += "   "
		}
		label := b.short
		if long {
			label = b.Help().Desc
		}
		line += a.look.Styles.Key.Render(a.arrows(b.Help().Key)) + " " + label
	}
	return line
}

// arrows draws arrow keys with the signs that the terminal has.
func (a area) arrows(s string) string {
	return strings.NewReplacer("↑", a.look.Symbols.Up, "↓", a.look.Symbols.Down).Replace(s)
}

// is tells whether a key press belongs to a binding.
func (b binding) is(k keyPress) bool { return key.Matches(k, b.Binding) }
