package ceremony

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"conclave/assets/clean"
	"conclave/ceremony/transcript"
	"conclave/vaultstate"
)

// What a server is, only the key of its certificate shows. An unseal goes to
// several nodes, and each of them can have a certificate of its own: a share that
// goes to one that nobody looked at goes to anybody. So the witness compares them
// all, each on a page of its own, before a token or a share leaves. From then on
// each connection to an address is refused that shows another key (ErrPinned).

// certificates are those of all addresses, for the record.
func (r *Run) certificates(v vaultstate.Remote) []string {
	var list []string
	seen := v.Certificates()
	for _, address := range r.addresses() {
		switch sum, ok := seen[address]; {
		case ok:
			list = append(list, clean.Clean(address)+" "+sum.String())
		case encrypted(address):
			list = append(list, clean.Clean(address)+" was not reached")
		}
	}
	slices.Sort(list)
	return list
}

func (r *Run) addresses() []string {
	list := []string{r.status.Name}
	for _, n := range r.plan.Server.Nodes {
		if !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return list
}

func encrypted(address string) bool { return strings.HasPrefix(address, "https:") }

// toCompare is the next address whose certificate the witness did not compare, ""
// if there is none. One that was not reached before, and is now, comes again.
func (r *Run) toCompare() string {
	v, err := r.server()
	if err != nil {
		return r.status.Name // its page says so
	}
	seen := v.Certificates()
	for _, address := range r.addresses() {
		if sum, done := r.serving.compared[address]; !done || sum != seen[address] {
			return address
		}
	}
	return ""
}

// compareServer has the witness compare the certificate at an address, unless the
// plan names it: then a connection to another is refused by itself.
func (r *Run) compareServer(address string) *page {
	s, who := &r.serving, r.person(Witness)
	v, err := r.server()
	if err != nil {
		return r.work("look at the server's certificate", Prompt{}, func(context.Context) ([]string, error) { return nil, err })
	}
	sum, seen := v.Certificates()[address]
	p := Prompt{Kind: Attest, By: who, Recorded: "the lines above; the values are the server's own, but for the certificate."}
	p.Facts = []Fact{{"address", clean.Clean(address)}}
	what := "the server is the one that was meant"
	if address == r.status.Name {
		p.Heading = who.Name + ": is this the server that was meant?"
		p.Facts = append(p.Facts, Fact{"says it is", clean.Clean("version " + s.about.Version)})
		if c := s.about.Cluster; c != "" {
			p.Facts = append(p.Facts, Fact{"cluster", c})
		}
	} else {
		all := r.addresses()
		p.Heading = fmt.Sprintf("%s: is this a node that was meant? (%d of %d)", who.Name, slices.Index(all, address)+1, len(all))
		what = "the node " + clean.Clean(address) + " is one that was meant"
	}
	p.Text = []string{"A dishonest server can say anything. Who it is, only the key of its certificate shows."}
	switch {
	case seen && r.plan.Server.Names(address):
		p.Lines = append(p.Lines, Line{Mark: Good, Text: "its certificate is the one that the plan names"})
	case seen:
		p.Facts = append(p.Facts, aloud(sum)...)
		p.Text = append(p.Text, "The rows are the SHA-256 of its certificate's public key. Compare them with what its administrator says, not with this machine.")
		if r.plan.Server.SkipVerify {
			p.Lines = append(p.Lines, Line{Mark: Warn, Text: "who signed it was not checked: nobody but you tells whose it is"})
		}
	case encrypted(address):
		p.Heading = fmt.Sprintf("%s: the node at %s does not answer", who.Name, clean.Clean(address))
		p.Lines = append(p.Lines, Line{Mark: Warn, Text: "its certificate is not known: nothing is sent to it, and it stays as it is"})
		p.Text = []string{"Go on without it, or start it, note that as a deviation, and do the step again."}
		what = "the node " + clean.Clean(address) + " was not reached, and nothing is sent to it"
	default:
		p.Lines = append(p.Lines, Line{Mark: Warn, Text: "this connection is not encrypted: it does not leave this machine"})
		p.Text = []string{"A dishonest server can say anything, and whoever listens at this address on this machine is the server."}
	}
	if address == r.status.Name {
		p.Lines = append(p.Lines, s.clock.lines("The server's")...)
		for _, d := range s.doors {
			if d.Kind == r.plan.Operation() {
				p.Lines = append(p.Lines, Line{Mark: markOf(vaultstate.Check{OK: d.Open || d.NeedsToken}), Text: d.Text})
			}
		}
	}
	if seen {
		what += ", certificate " + hex.EncodeToString(sum[:])
	}
	return &page{Prompt: p, do: func(context.Context, Input) error {
		if s.compared == nil {
			s.compared = map[string]vaultstate.Digest{}
		}
		s.compared[address] = sum
		return r.record("confirmed", who.Role, who.Name, transcript.Facts{"role": string(who.Role), "word": "", "what": what})
	}}
}
