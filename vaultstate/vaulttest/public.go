package vaulttest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"conclave/vaultstate"
)

// testPublic looks for shares and tokens in everything that goes into the
// record: statuses, progress, outcomes, errors. 12 bytes of one are enough.
func testPublic(p *player) {
	var said bytes.Buffer
	say := func(what any, err error) {
		p.Helper()
		b, jerr := json.Marshal(what)
		if jerr != nil {
			p.Fatal(jerr)
		}
		fmt.Fprintf(&said, "%s %+v %v\n", b, what, err)
	}
	op := initial
	op.RootToken = true
	say(p.Vault.Begin(p.ctx(), op))
	issue, err := p.Vault.Take(p.ctx(), first)
	if err != nil {
		p.Fatal(err)
	}
	defer issue.Wipe()
	say(issue, nil)
	bad := flipped(issue.Shares[0].Plain)
	defer bad.Wipe()
	say(p.Vault.Verify(p.ctx(), first, 1, bad))
	say(p.Vault.Verify(p.ctx(), first, 9, bad))
	for _, s := range issue.Shares {
		say(p.Vault.Verify(p.ctx(), first, s.Number, s.Plain))
	}
	say(p.Vault.Commit(p.ctx(), first))
	say(p.Vault.Status(p.ctx()))
	p.keep(issue)
	say(p.Vault.Begin(p.ctx(), vaultstate.Operation{ID: second, Kind: vaultstate.Rotate}))
	say(p.Vault.Submit(p.ctx(), second, append(p.held[:0:0], bad, p.held[1], p.held[2])))
	say(p.Vault.Submit(p.ctx(), second, append(p.held[:0:0], bad, p.held[1], p.held[2], p.held[3])))
	say(p.Vault.Submit(p.ctx(), second, p.held))
	say(p.Vault.Progress(p.ctx(), second))
	say(p.Vault.Status(p.ctx()))
	say(p.Vault.Commit(p.ctx(), second))

	canaries := [][]byte{issue.Token.Plain.Expose(), bad.Expose()}
	for _, s := range p.held {
		canaries = append(canaries, s.Expose())
	}
	text := said.Bytes()
	for i, c := range canaries {
		for _, form := range [][]byte{c, []byte(hex.EncodeToString(c)), []byte(base64.StdEncoding.EncodeToString(c))} {
			if holds(text, form) {
				p.Errorf("secret %d is in what is public", i)
			}
		}
	}
	if !holds(append(text, canaries[0]...), canaries[0]) {
		p.Error("the search finds nothing")
	}
}

// holds tells whether a text holds any 12 bytes of another.
func holds(text, of []byte) bool {
	const window = 12
	for i := 0; i+window <= len(of); i++ {
		if bytes.Contains(text, of[i:i+window]) {
			return true
		}
	}
	return false
}
