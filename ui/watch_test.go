package ui

import (
	"errors"
	"fmt"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
	"conclave/ui/term"
)

func TestWatchPages(t *testing.T) {
	clock := at("10:27:03")
	running := ceremony.Watched{
		Header: ceremony.Header{Title: "REKEY", ID: "KC-2026-019", Vault: "payments vault", Step: 3, Steps: 4, Recorded: true},
		Script: []ceremony.ScriptLine{
			{Number: 1, Title: "Briefing", By: ceremony.Operator, State: ceremony.Good, Done: clock.t}, {Number: 2, Title: "Server", State: ceremony.Skipped},
			{Number: 3, Title: "Shares", By: ceremony.Custodian, State: ceremony.Now}, {Number: 4, Title: "Close", By: ceremony.Operator, State: ceremony.ToCome}},
		Keyboard: "Bob Baker",
	}
	for i := range 20 {
		running.Recent = append(running.Recent, ceremony.Recent{Seq: uint64(i + 1), Time: clock.t.Add(time.Duration(i) * time.Second), Who: "Alice Adams", Text: fmt.Sprintf("what happened as number %d", i+1)})
	}
	running.Told = running.Recent[:18]
	over, stopped := running, running
	over.Over, stopped.Over = "closed", "aborted"
	for _, size := range [][2]int{{80, 24}, {120, 40}} {
		for _, tt := range []struct {
			name string
			seen ceremony.Watched
			err  error
		}{{"running", running, nil}, {"over", over, nil}, {"stopped", stopped, nil}, {"nothing", ceremony.Watched{}, nil}, {"unreadable", running, errors.New("opening the transcript: no such file or directory")}} {
			m := &Watch{Load: func() (ceremony.Watched, error) { return tt.seen, tt.err }, Look: term.PlainLook(true), Now: clock.now}
			m.Update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
			m.Update(m.Init()())
			golden(t, fmt.Sprintf("%dx%d/17-watch-%s", size[0], size[1], tt.name), m.View(), size[0], size[1])
		}
	}
}

// TestWatchOnlyEnds: no key but that for the end does anything.
func TestWatchOnlyEnds(t *testing.T) {
	m := &Watch{Load: func() (ceremony.Watched, error) { return ceremony.Watched{}, nil }, Look: term.PlainLook(true), Now: at("10:27:03").now}
	for _, k := range []string{"enter", "a", "ctrl+n", "?", "down"} {
		if _, cmd := m.Update(press(k)); cmd != nil {
			t.Errorf("%s does something", k)
		}
	}
	for _, k := range []string{"q", "ctrl+c"} {
		if _, cmd := m.Update(press(k)); cmd == nil {
			t.Errorf("%s does not end it", k)
		}
	}
}
