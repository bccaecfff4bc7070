package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"conclave/assets/clean"
	"conclave/ceremony"
	"conclave/ceremony/folder"
	"conclave/ceremony/transcript"
	"conclave/ui"
)

// watchCommand is the view for an audience: it reads the record that another
// process writes, and nothing else.
func (p *Process) watchCommand() *cobra.Command {
	var lines bool
	c := &cobra.Command{
		Use: "watch DIR [flags]", Short: "Show a running ceremony to an audience, on another terminal", Args: cobra.ExactArgs(1),
		Long: "DIR is a ceremony's directory, or the one in which ceremonies make theirs: then\nthe newest. It reads the record's public events and nothing else, shows no\nsecret as none is in it, and cannot act.",
		RunE: func(c *cobra.Command, args []string) error {
			if lines {
				return p.watchLines(c.Context(), args[0])
			}
			f, err := p.front(false)
			if err != nil {
				return err
			}
			w := &ui.Watch{Load: func() (ceremony.Watched, error) { return watched(args[0]) }, Now: p.Now}
			if err := errors.Join(f.screen.Watch(c.Context(), w), f.screen.Close()); err != nil {
				return fmt.Errorf("showing the ceremony: %w", err)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&lines, "plain", false, "a line an event, until the ceremony is over")
	return c
}

// watched reads the record in dir or, where dir is none itself, the newest in it.
// Nothing is locked: its last line may be half written, and is left out. One whose
// chain does not hold is shown to nobody.
func watched(dir string) (ceremony.Watched, error) {
	r, err := folder.OpenRecord(dir)
	if err != nil {
		found, findErr := folder.Find(dir)
		switch {
		case findErr != nil:
			return ceremony.Watched{}, errors.Join(err, findErr)
		case len(found) == 0:
			return ceremony.Watched{}, nil // none has begun yet
		}
		if r, err = folder.OpenRecord(newestOf(found).Dir); err != nil {
			return ceremony.Watched{}, err
		}
	}
	defer func() { _ = r.Close() }()
	f, err := r.Transcript()
	if err != nil {
		return ceremony.Watched{}, err
	}
	defer func() { _ = f.Close() }()
	var events []transcript.Event
	rep, err := transcript.Scan(f, func(ev transcript.Event) error { events = append(events, ev); return nil })
	if err != nil {
		return ceremony.Watched{}, err
	}
	if rep.State == transcript.Broken {
		return ceremony.Watched{}, &ending{CodeChanged, fmt.Sprintf("The record is broken: line %d: %s. Nobody should go by it; the ceremony's own screen says what is so.", rep.Line, rep.Problem)}
	}
	return ceremony.Watch(events), nil
}

func (p *Process) watchLines(ctx context.Context, dir string) error {
	if _, err := os.Stat(dir); err != nil {
		return usage("%v", err)
	}
	shown, id := uint64(0), ""
	for {
		w, err := watched(dir)
		if err != nil {
			return err
		}
		if w.Header.ID != id {
			shown, id = 0, w.Header.ID
		}
		for _, e := range w.Recent {
			if e.Seq > shown {
				shown = e.Seq
				fmt.Fprintf(p.Stdout, "%4d  %s  %s: %s\n", e.Seq, e.Time.UTC().Format("15:04:05"), clean.Cut(e.Who, 60), clean.Cut(e.Text, 200))
			}
		}
		if w.Over != "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(250 * time.Millisecond):
		}
	}
}
