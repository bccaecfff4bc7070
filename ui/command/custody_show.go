package command

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"conclave/assets/clean"
	"conclave/ceremony/custody"
	"conclave/ceremony/transcript"
)

func (p *Process) custodyShowCommand() *cobra.Command {
	var format, head string
	c := &cobra.Command{Use: "show [flags]", Short: "Show what was entered, and what is due", Args: cobra.NoArgs,
		Long: "Exit code 0: the chain is consistent, or nothing was entered yet; 4: it, or a\nrecord, is not what it claims. What is due follows from both; see also status."}
	f := vaultFlags(c)
	f.set.StringVar(&head, "head", "", "the newest record's `HEAD`, from paper: then it is verified")
	f.set.StringVar(&format, "format", "text", "`FORMAT`: text or json")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if format != "text" && format != "json" {
			return usage("-format=%s is not known: say text or json. Nothing was shown.", clean.Clean(format))
		}
		vault, err := f.vault()
		if err != nil {
			return err
		}
		k, err := f.known(vault, head)
		if err != nil {
			return err
		}
		return p.showCustody(k, format)
	}
	return c
}

// known is what -dir holds about the vault, compared with the head of -head.
func (f *flags) known(vault, head string) (*knowledge, error) {
	var on *transcript.Head
	if head != "" {
		h, err := transcript.ParseHead(head)
		if err != nil {
			return nil, usage("-head: %v. Nothing was checked.", err)
		}
		on = &h
	}
	return know(f.dir, vault, on)
}

// shownEntry is an entry as custody show -format=json has it.
type shownEntry struct {
	Entry    uint64              `json:"entry"`
	Entered  time.Time           `json:"entered"`
	By       string              `json:"by"`
	Evidence transcript.Evidence `json:"evidence"`
	Stands   bool                `json:"stands"` // no later entry withdrew it
	Facts    transcript.Facts    `json:"facts"`
}

func (p *Process) showCustody(k *knowledge, format string) error {
	state := k.state()
	state.Now, state.Initialized = p.Now(), k.roster != nil
	due := custody.Health(state)
	standing := k.chain.Standing()
	entries := []shownEntry{}
	if k.chain != nil {
		for _, e := range k.chain.Entries {
			stands := slices.ContainsFunc(standing, func(s custody.Entry) bool { return s.Seq == e.Seq })
			entries = append(entries, shownEntry{e.Seq, e.Time, e.Claimed, e.Evidence, stands, e.Facts})
		}
	}
	if format == "json" {
		b, err := json.MarshalIndent(map[string]any{"vault": k.vault, "practice": k.practice, "file": filepath.Base(k.chainFile),
			"entries": entries, "records": k.sentences(), "problems": append([]string{}, k.problems...), "due": append([]custody.Item{}, due...)}, "", "  ")
		if err != nil {
			return fmt.Errorf("making the JSON: %w", err)
		}
		if _, err := fmt.Fprintf(p.Stdout, "%s\n", b); err != nil {
			return err
		}
	} else {
		p.printCustody(k, entries, due)
	}
	if len(k.problems) > 0 {
		return &ending{CodeChanged, "Not all of this is what it claims, or some is missing. Nothing was changed; see conclave transcript verify -chain."}
	}
	return nil
}

func (p *Process) printCustody(k *knowledge, entries []shownEntry, due []custody.Item) {
	w := p.Stdout
	rows := [][2]string{{"Vault", clean.Clean(k.vault)}, {"Chain", clean.Clean(k.chainFile)}}
	if k.chain == nil {
		rows[1][1] = "none: nothing was entered yet"
	} else {
		rows = append(rows, [2]string{"Head", fmt.Sprintf("%s, %d events", k.chain.Head, k.chain.Head.Count)})
	}
	rows = append(rows, listRows("Records", k.sentences(), "")...)
	_ = printRows(w, append(rows, dueRows(due, p.Now())...)) // to a terminal that is gone
	for i, e := range entries {
		if i == 0 {
			fmt.Fprintln(w)
		}
		stands := ""
		if !e.Stands && e.Facts.Text("event") != custody.Withdrawn {
			stands = "   (withdrawn)"
		}
		fmt.Fprintf(w, "%5d  %s  %s%s\n", e.Entry, e.Entered.UTC().Format("2006-01-02 15:04"), said(transcript.Entry{Claimed: e.By, Evidence: e.Evidence, Facts: e.Facts}), stands)
		for _, l := range wrap(clean.Cut(custody.Entry{Event: transcript.Event{Entry: transcript.Entry{Facts: e.Facts}}}.Text(), 2000), 70) {
			fmt.Fprintf(w, "       %s\n", l)
		}
	}
}
