package ui

import (
	tea "github.com/charmbracelet/bubbletea"

	"conclave/ceremony"
)

// What may be noted at a page: a deviation, which lies over the page, or what
// has pages of its own and leads back to it.

const deviationChoice = "deviation"

func (m *Model) openAsides() {
	p := ceremony.Prompt{Heading: "What is to be noted?", Text: []string{"The ceremony waits. After a deviation it goes on where it was; after the others, what was half typed is typed anew."},
		Choices: []ceremony.Choice{{ID: deviationChoice, Title: "A deviation"}}}
	for _, a := range m.prompt.Asides {
		p.Choices = append(p.Choices, ceremony.Choice{ID: string(a.Interlude), Title: a.Title})
	}
	m.asides = newChoose(p)
	m.coverWith(asking)
}

// askingKey takes a key of that page.
func (m *Model) askingKey(k keyPress) tea.Cmd {
	if keyEsc.is(k) {
		m.uncover()
		return nil
	}
	in, _ := m.asides.update(k)
	if in == nil {
		return nil
	}
	if in.Choice == deviationChoice {
		m.openDeviation()
		return nil
	}
	for _, a := range m.prompt.Asides {
		if string(a.Interlude) == in.Choice && a.Not != "" {
			m.asides.p.Problem = &ceremony.Problem{Happened: a.Not}
			return nil
		}
	}
	job, err := m.run.Interrupt(ceremony.Interlude(in.Choice))
	if err != nil {
		return nil
	}
	m.cover = uncovered
	return m.begin(job)
}

func (m *Model) askingKeys() []binding {
	return []binding{keyChoose, keyEnter, keyEsc.kept(), keyBlank}
}
