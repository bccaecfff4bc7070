package term

import (
	"time"

	"conclave/hsm/secret"
)

// Key is a control key that was pressed while a Tap was armed.
type Key rune

// The keys that a Tap tells about instead of swallowing them.
const (
	KeyDecrypt Key = 0x04 // ctrl+d
	KeyRetype  Key = 0x07 // ctrl+g
	KeyBlank   Key = 0x0c // ctrl+l or F1
	KeyNote    Key = 0x0e // ctrl+n
)

// Bytes with a meaning in an entry.
const (
	ctrlC     = 0x03
	backspace = 0x08
	ctrlU     = 0x15
	escape    = 0x1b
	del       = 0x7f
)

// Where the entry is in an escape sequence.
type escState int

const (
	ground escState = iota
	escSeen
	csi      // ESC [
	ss3      // ESC O
	linuxFn  // ESC [ [: a function key of the Linux console
	osString // ESC ] and its like, up to BEL or ESC \
)

// entry is the state machine between the bytes of a terminal and the text that
// a person means. The text lies in locked memory of its final size, so nothing
// is ever copied to make room.
type entry struct {
	text   secret.Bytes // capacity: the most that may be typed
	n      int          // bytes typed
	at     int          // where the next byte goes
	tight  bool         // drop blanks: a share is often written in groups
	done   bool         // Enter ended it
	pasted bool         // some of it came in a paste
	full   bool         // something was dropped: no room

	state   escState
	param   [4]byte // of a CSI sequence; longer ones mean nothing to us
	params  int
	inPaste bool
}

// event is what a byte meant besides text.
type event int

const (
	nothing event = iota
	stopped       // ctrl+c
	keyed         // see the Key beside it
)

// feed takes one byte.
func (e *entry) feed(b byte) (event, Key) {
	if b == ctrlC {
		return stopped, 0
	}
	if b < 0x20 && b != escape {
		// A control byte ends any sequence that was under way: a stray ESC must
		// not swallow what follows for ever.
		if e.state == osString && b == 0x07 {
			e.state = ground
			return nothing, 0
		}
		e.state = ground
	}
	switch e.state {
	case escSeen:
		return nothing, e.afterEscape(b)
	case csi:
		return e.inCSI(b)
	case ss3:
		if b >= '0' && b <= '9' {
			return nothing, 0 // a modifier, in old terminals
		}
		e.state = ground
		return keyIf(b == 'P')
	case linuxFn:
		e.state = ground
		return keyIf(b == 'A')
	case osString:
		if b == escape {
			e.state = escSeen
		}
		return nothing, 0
	case ground:
	}
	return e.inGround(b)
}

// keyIf reports F1.
func keyIf(f1 bool) (event, Key) {
	if f1 {
		return keyed, KeyBlank
	}
	return nothing, 0
}

// settle forgets a sequence whose rest did not come: nothing came for so long.
func (e *entry) settle(quiet time.Duration) {
	if quiet > escapeWait && e.state == escSeen {
		e.state = ground
	}
	if quiet > pasteWait {
		e.state, e.inPaste = ground, false
	}
}

func (e *entry) afterEscape(b byte) Key {
	e.state = ground
	switch b {
	case '[':
		e.state, e.params = csi, 0
	case 'O':
		e.state = ss3
	case ']', 'P', 'X', '^', '_':
		e.state = osString
	case escape:
		e.state = escSeen
	}
	// Any other byte was typed with alt, or ends a string: it is dropped.
	return 0
}

func (e *entry) inCSI(b byte) (event, Key) {
	if b < 0x40 {
		if e.params < len(e.param) {
			e.param[e.params] = b
		}
		e.params++
		return nothing, 0
	}
	e.state = ground
	if b == '[' && e.params == 0 {
		e.state = linuxFn
		return nothing, 0
	}
	if b != '~' || e.params > len(e.param) {
		return nothing, 0
	}
	switch string(e.param[:e.params]) {
	case "200":
		e.inPaste, e.pasted = true, true
	case "201":
		e.inPaste = false
	case "11":
		return keyed, KeyBlank
	}
	return nothing, 0
}

func (e *entry) inGround(b byte) (event, Key) {
	switch {
	case b == escape:
		e.state = escSeen
	case b == del || b == backspace:
		e.erase()
	case b == ctrlU:
		e.clear()
	case b == '\r' || b == '\n':
		if !e.inPaste {
			e.done = true
		}
	case b == '\t' && e.tight && !e.inPaste:
		e.done = true // as some readers of codes end what they type
	case b == byte(KeyDecrypt) || b == byte(KeyRetype) || b == byte(KeyBlank) || b == byte(KeyNote):
		if !e.inPaste {
			return keyed, Key(b)
		}
	case b < 0x20:
	case b == ' ' && e.tight:
	case b >= 0x80 && e.tight:
	default:
		e.insert(b)
	}
	return nothing, 0
}

func (e *entry) insert(b byte) {
	t := e.text.Expose()
	if e.n == len(t) {
		e.full = true
		return
	}
	for i := e.n; i > e.at; i-- { // not copy: see secret.Copy
		t[i] = t[i-1]
	}
	t[e.at] = b
	e.at++
	e.n++
}

// erase takes back one character, which may be several bytes of UTF-8.
func (e *entry) erase() {
	from := e.at
	for from > 0 {
		from--
		if e.text.Expose()[from]&0xc0 != 0x80 {
			break
		}
	}
	e.cut(from, e.at)
}

// cut removes the bytes from i up to j and puts the caret there.
func (e *entry) cut(i, j int) {
	j = min(j, e.n)
	i = max(0, min(i, j))
	t := e.text.Expose()
	secret.Copy(t[i:], t[j:e.n])
	clear(t[e.n-(j-i) : e.n])
	e.n -= j - i
	e.at = i
	if i < j {
		e.full = false
	}
}

func (e *entry) clear() {
	clear(e.text.Expose())
	e.n, e.at = 0, 0
	e.full, e.pasted, e.inPaste, e.done = false, false, false, false
}

// count is the number of characters typed.
func (e *entry) count() int {
	n := 0
	for _, b := range e.text.Expose()[:e.n] {
		if b&0xc0 != 0x80 {
			n++
		}
	}
	return n
}
