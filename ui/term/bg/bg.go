// Package bg tells lipgloss that the background is dark, so that nobody asks
// the terminal for it.
//
// Bubble Tea's own init asks (OSC 11 and a cursor report) before main runs: it
// waits up to five seconds for a terminal that does not answer and eats the
// keys that are typed meanwhile. Nothing is lost by not asking, since every
// colour of ours is the same on dark and light.
//
// The package imports lipgloss only, and its import path sorts before
// github.com/charmbracelet/bubbletea: packages whose imports are ready are
// initialised in the order of their paths. TestMuteTerminal fails if either
// changes.
package bg

import "github.com/charmbracelet/lipgloss"

func init() { lipgloss.SetHasDarkBackground(true) }
