package ceremony

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"conclave/ceremony/transcript"
	"conclave/vaultstate/share"
)

// capital makes the first letter of a sentence a capital one.
func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

// sentence ends s with a full stop.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.HasSuffix(s, ".") || strings.HasSuffix(s, "?") || strings.HasSuffix(s, "!") {
		return s
	}
	return s + "."
}

// firstName is the word with which somebody takes the keyboard.
func firstName(name string) string {
	if f := called(name); f != "" {
		return strings.ToUpper(f)
	}
	return "NEXT"
}

// called is somebody's first name.
func called(name string) string {
	name, _, _ = strings.Cut(strings.TrimSpace(name), " ")
	return name
}

func sameWord(typed, word string) bool {
	return strings.EqualFold(strings.TrimSpace(typed), word)
}

// list joins names: "Alice, Bob and Carol".
func list(names []string) string {
	switch n := len(names); n {
	case 0:
		return "nobody"
	case 1:
		return names[0]
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// short is the beginning of a digest, for a row that has no room for all.
func short(hex string) string {
	if len(hex) > 16 {
		return hex[:16] + "..."
	}
	return hex
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

var (
	errRepeated   = errors.New("this share is in already")
	errOtherShare = errors.New("this is not the share that was handed out here")
)

// explainEntry says what is wrong with a share that was typed, without a
// character of it.
func explainEntry(err error) Problem {
	p := Problem{Happened: sentence(capital(err.Error())), State: "Nothing went to the vault. The shares that are in are kept.",
		Do: "Type the share again from the sheet."}
	var e *share.EntryError
	if !errors.As(err, &e) {
		if errors.Is(err, errRepeated) {
			p.Do = "Each custodian types their own share."
		}
		return p
	}
	switch e.Kind {
	case share.BadLength:
		if e.Typed == 0 {
			p.Happened = "Nothing was typed."
		}
	case share.BadAlphabet, share.BadCheck:
		p.Do = "A character is misread, or two are swapped. Type the share again; ? stands for a character that cannot be read."
	case share.XZero:
		p.Do = "Look for the sheet with the share: this text is something else."
	case share.IsPractice:
		p.Do = "Look for the sheet of the real ceremony: this one is of a rehearsal."
	case share.IsReal:
		p.Do = "Do not type it here again: this is a rehearsal. Take the practice share."
	}
	return p
}

// inWords is an event in a few words, for the screen.
func inWords(e transcript.Entry) string {
	f := e.Facts
	switch e.Kind {
	case "header":
		return f.Text("ceremony") + " " + f.Text("id") + " begins"
	case "named":
		return "read: " + f.Text("name")
	case "person":
		if !f.Flag("present") {
			return f.Text("name") + " is not here"
		}
		return f.Text("name") + " is here, " + f.Text("role")
	case "approval":
		return "the plan is approved by " + f.Text("name")
	case "left":
		return f.Text("name") + " leaves"
	case "arrived":
		return f.Text("name") + " arrives, " + f.Text("role")
	case "identity":
		return fmt.Sprintf("identity of %d: %s", len(f.List("names")), f.Text("checked_by"))
	case "break":
		return "a break: " + f.Text("reason")
	case "break-ended":
		return "the break is over"
	case "logged-out":
		return "logged out of the token"
	case "room":
		return "the room: " + f.Text("place")
	case "clock-check":
		return fmt.Sprintf("a watch, %d s off", f.Number("offset_s"))
	case "target":
		return "the vault as it was found"
	case "calls":
		return fmt.Sprintf("%d uses of an HSM key", len(f.List("calls")))
	case "requests":
		return fmt.Sprintf("%d requests to the server", len(f.List("requests")))
	case "server":
		return "the server " + f.Text("address")
	case "backup-opened":
		return "the vault opens through the token with the serial number " + f.Text("serial")
	case "token":
		return "a root token" + nonEmpty(": ", f.Text("fate"))
	case "equipment":
		return "token " + f.Text("token")
	case "key":
		return "key " + f.Text("label")
	case "inventory":
		return fmt.Sprintf("%d objects in the token", f.Number("count"))
	case "signing-key":
		return "the key that signs: " + f.Text("label")
	case "step":
		return "step " + f.Text("title") + ": " + f.Text("state")
	case "read":
		return "read: " + f.Text("title")
	case "answer":
		return f.Text("field") + ": " + f.Text("value")
	case "hand-over":
		return "keyboard to " + f.Text("to")
	case "share-entered":
		return "a share was typed: " + f.Text("result")
	case "quorum":
		return fmt.Sprintf("%d shares: %s", f.Number("given"), f.Text("result"))
	case "confirmed":
		return "confirmed: " + f.Text("what")
	case "begun", "done", "failed":
		return f.Text("work") + ": " + e.Kind
	case "share":
		return fmt.Sprintf("share %d is for %s", f.Number("number"), f.Text("custodian"))
	case "shown":
		return f.Text("what") + " shown to " + f.Text("to")
	case "showing":
		return f.Text("what") + " is shown to " + f.Text("to")
	case "combined":
		if !f.Flag("same") {
			return fmt.Sprintf("%d of %d shares were typed here: not combined", f.Number("given"), f.Number("needed"))
		}
		return fmt.Sprintf("%d shares make the staged recovery key", f.Number("given"))
	case "carried":
		if !f.Flag("same") {
			return fmt.Sprintf("share %d: another file is on the medium", f.Number("number"))
		}
		return fmt.Sprintf("share %d read from its medium", f.Number("number"))
	case "acknowledged":
		return fmt.Sprintf("share %d taken, with its duties", f.Number("number"))
	case "pgp-key":
		return "key of " + f.Text("custodian") + ": " + f.Text("result")
	case "challenge":
		return "challenge to " + f.Text("name") + ": " + f.Text("result")
	case "proven":
		return fmt.Sprintf("share %d proven", f.Number("number"))
	case "override":
		return "override: " + f.Text("sentence")
	case "deviation":
		return fmt.Sprintf("deviation %d: %s", f.Number("number"), f.Text("happened"))
	case "signoff":
		if !f.Flag("agrees") {
			return "does not agree: " + f.Text("reason")
		}
		return "agrees"
	case "receipt":
		return fmt.Sprintf("receipt of event %d", f.Number("event"))
	case "recovery":
		return "without a quorum: " + f.Text("reason")
	case "old-holder":
		return fmt.Sprintf("old holder of share %d, %s: %s", f.Number("number"), f.Text("name"), f.Text("state"))
	case "notice":
		return "a notice to " + f.Text("to")
	case "void":
		return "a set is void"
	case "closed":
		return "closed: " + f.Text("verdict")
	case "aborted":
		return "stopped: " + f.Text("reason")
	}
	return transcript.Kinds[e.Kind].Text
}

// nonEmpty is a text after what leads to it, "" if there is none.
func nonEmpty(lead, text string) string {
	if text == "" {
		return ""
	}
	return lead + text
}
