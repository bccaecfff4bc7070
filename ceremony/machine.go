package ceremony

import (
	"context"
	"fmt"
	"strings"

	"conclave/ceremony/plan"
	"conclave/ceremony/transcript"
)

// Machine is what is known of the program and the computer, as facts for the
// first screen and the transcript.
type Machine struct {
	Program    string // version
	SelfSHA256 string // of the program file, self-reported
	OS, Host   string
	Memory     string   // what secrets lie in
	Shortfalls []string // of the hardening, in sentences
	Recorders  []string // what may record this terminal, in sentences
	Terminal   string
	Token      string   // where a server's token comes from: "environment NAME"
	Variables  []string // of the environment that mean something to a client of the server, as they are shown
	Login      string   // where the PIN comes from: "typed", "configuration FILE", "environment NAME"
	LookedAt   []string

	Circumstances []Circumstance // what else is so where it stands
}

// Circumstance is what was found of a network, of other users, and the like.
type Circumstance struct {
	What, Text string
	Unusual    bool // on a machine for ceremonies
}

func (c Circumstance) String() string { return c.What + ": " + c.Text }

// circumstances are what is usual and what is not.
func (m Machine) circumstances() (usual, unusual []string) {
	for _, c := range m.Circumstances {
		if c.Unusual {
			unusual = append(unusual, c.String())
		} else {
			usual = append(usual, c.String())
		}
	}
	return usual, unusual
}

// isOffline refuses a machine that is on a network, where the plan says that it
// is on none.
func (r *Run) isOffline() error {
	if !r.plan.Offline {
		return nil
	}
	if r.env.Network == nil {
		return fmt.Errorf("%w, and nobody looks", ErrOnline)
	}
	up, err := r.env.Network()
	if err == nil && len(up) > 0 {
		err = fmt.Errorf("%s is up", strings.Join(up, ", "))
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOnline, err)
	}
	return nil
}

func machine(r *Run) *page {
	if r.hello.machine {
		if list := r.unreasoned(plan.OfTheMachine...); len(list) > 0 {
			return r.askWhyHere(list)
		}
		return nil
	}
	m, who := r.env.Machine, r.person(Operator)
	facts := []Fact{{"program", m.Program}, {"own hash", short(m.SelfSHA256) + " (self-reported)"},
		{"machine", m.OS + ", " + m.Host}, {"secrets lie in", m.Memory}, {"terminal", m.Terminal}}
	usual, unusual := m.circumstances()
	var lines []Line
	for _, list := range [][]string{m.Shortfalls, m.Recorders, unusual} {
		for _, s := range list {
			lines = append(lines, Line{Mark: Warn, Text: s})
		}
	}
	if len(m.Shortfalls)+len(m.Recorders) == 0 {
		lines = append(lines, Line{Mark: Good, Text: "core dumps off, memory locked, nothing seen that records this terminal"})
	}
	if len(usual) > 0 {
		lines = append(lines, Line{Mark: Good, Text: strings.Join(usual, "; ")})
	}
	return &page{
		Prompt: Prompt{Kind: Attest, By: who, Heading: who.Name + ": is this the machine that was meant?",
			Facts: facts, Lines: lines, Recorded: "the lines above."},
		do: func(context.Context, Input) error {
			if err := r.isOffline(); err != nil {
				return err
			}
			r.hello.machine = true
			return r.record("machine", Program, "", facted(transcript.Facts{"memory": m.Memory, "terminal": m.Terminal},
				lists{"shortfalls": m.Shortfalls, "recorders": m.Recorders, "circumstances": usual, "unusual": unusual}))
		},
	}
}
