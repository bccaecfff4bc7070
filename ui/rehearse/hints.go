package rehearse

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"conclave/ceremony"
	"conclave/ceremony/custodian"
	"conclave/hsm/secret"
	"conclave/vaultstate/share"
)

// Hinted is a run whose pages tell, in practice, what people in the room would
// know by themselves: the PIN, and how to look at a share.
type Hinted struct {
	*ceremony.Run
	w *World
}

// Hints wraps a run of this world.
func (w *World) Hints(r *ceremony.Run) Hinted { return Hinted{r, w} }

// Prompt is the run's prompt with the hints.
func (h Hinted) Prompt() ceremony.Prompt {
	p := h.Run.Prompt()
	p.Text = append(slices.Clone(p.Text), h.w.hints(p)...)
	return p
}

func (w *World) hints(p ceremony.Prompt) []string {
	switch p.Kind {
	case ceremony.AskSecret:
		if p.Sealed != nil {
			who, _, _ := strings.Cut(strings.ToLower(p.By.Name), " ")
			return []string{"PRACTICE: the code is in front of you if you type, in another terminal:",
				"conclave rehearse challenge " + who + " -dir " + quoted(w.Dir)}
		}
		if p.By.Role == ceremony.PINHolder {
			return []string{"PRACTICE: this part of the PIN of the practice token is " + pinOf(p.By) + "."}
		}
		return []string{"PRACTICE: the PIN of the practice token is " + PIN + "."}
	case ceremony.AskShare:
		who, _, _ := strings.Cut(strings.ToLower(p.By.Name), " ")
		return []string{"PRACTICE: the share is in front of you if you type, in another terminal:",
			"conclave rehearse share " + who + " -dir " + quoted(w.Dir)}
	case ceremony.Ask:
		if len(p.Groups) > 0 {
			if card, err := w.card(p.By.Name, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}); err == nil {
				return []string{"PRACTICE: the card says " + card}
			}
		}
		if p.Field == "file" {
			if file, err := w.brought(p.By.Name); err == nil {
				return []string{"PRACTICE: it is " + quoted(file)}
			}
		}
	case ceremony.Read, ceremony.People, ceremony.Form, ceremony.Rest, ceremony.HandOver, ceremony.Confirm, ceremony.Show,
		ceremony.Choose, ceremony.Work, ceremony.Attest:
	}
	return nil
}

// quoted is a path as a shell wants it.
func quoted(path string) string {
	if strings.ContainsFunc(path, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/._-", r)
	}) {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}

// ShareOf prints a practice share as its custodian would see it: of the set that
// the last ceremony is handing out, if there is one, else of the set that counts.
// Where a ceremony was cut off after it had handed out shares, both are printed:
// which is wanted depends on whether another goes on with it. name is any part of
// the custodian's name.
func ShareOf(dir, name string, out io.Writer) error {
	w, err := Open(dir)
	if err != nil {
		return err
	}
	counts, some := w.set(false)
	fresh, handing := w.set(true)
	if !some && !handing {
		return fmt.Errorf("no share was handed out in %q yet", w.Dir)
	}
	if handing {
		if err := w.printShare(fresh, name, "new: it counts once the ceremony is committed", out); err != nil {
			return err
		}
	}
	if !some || handing && fresh.Ceremony == w.Roster.Ceremony {
		return nil
	}
	return w.printShare(counts, name, "it counts", out)
}

// printShare writes a line that says what it is, and the groups on one line, so
// that they can be typed or pasted.
func (w *World) printShare(set custodian.Set, name, state string, out io.Writer) error {
	var who []custodian.Holding
	var all []string
	for _, h := range set.Holdings {
		all = append(all, h.Custodian)
		if strings.Contains(strings.ToLower(h.Custodian), strings.ToLower(strings.TrimSpace(name))) {
			who = append(who, h)
		}
	}
	if len(who) != 1 {
		return fmt.Errorf("%q names %d custodians: say one of %s", name, len(who), strings.Join(all, ", "))
	}
	raw, err := w.share(set, who[0])
	if err != nil {
		return err
	}
	defer raw.Wipe()
	if _, err := fmt.Fprintf(out, "PRACTICE. %s, share %d of %d, issued by %s; %s.\n", who[0].Custodian, who[0].Number, set.Shares, set.Ceremony, state); err != nil {
		return err
	}
	line := grouped(raw)
	defer line.Wipe()
	_, err = out.Write(line.Expose())
	return err
}

// grouped is a share in groups with blanks between them, and a newline.
func grouped(raw secret.Bytes) secret.Bytes {
	text := scheme.Groups(raw)
	defer text.Wipe()
	n := share.GroupCount(raw.Len())
	line := secret.New(text.Len() + n)
	b := line.Expose()[:0]
	for g := range n {
		from, to := share.GroupAt(g, raw.Len())
		b = append(append(b, text.Expose()[from:to]...), ' ')
	}
	b[len(b)-1] = '\n'
	return line
}
