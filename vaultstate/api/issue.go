package api

import (
	"context"
	"encoding/base64"
	"fmt"

	"conclave/hsm/secret"
	"conclave/vaultstate"
	"conclave/vaultstate/pgp"
	"conclave/vaultstate/share"
)

// issued takes what the pending operation makes, with what is encrypted of it in
// the record, on disk. The caller wipes it.
func (s *Server) issued(ctx context.Context) (_ *vaultstate.Issue, err error) {
	p := s.pending
	issue, err := s.o.Vault.Take(ctx, p.op.ID)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			issue.Wipe()
		}
	}()
	if len(issue.Shares) > 0 {
		if err := s.note("issued", map[string]any{"set": issue.Set, "shares": p.op.Shares, "threshold": p.op.Threshold}); err != nil {
			return nil, err
		}
	}
	for _, is := range issue.Shares {
		facts := map[string]any{"number": is.Number, "set": issue.Set, "fingerprint": is.Fingerprint.String(), "delivery": "answer"}
		if p.op.Kind == vaultstate.Init && is.Number <= len(s.o.Holders) {
			facts["custodian"] = s.o.Holders[is.Number-1]
		}
		if is.Encrypted != nil {
			facts["delivery"], facts["pgp"] = "pgp", is.PGP
			if err := s.keep(fmt.Sprintf("shares/%s-%d.asc", p.op.ID, is.Number), is.Encrypted, facts); err != nil {
				return nil, err
			}
		}
		if err := s.note("api-share", facts); err != nil {
			return nil, err
		}
	}
	if t := issue.Token; t != nil {
		facts := map[string]any{"accessor": t.Accessor, "receiver": "a caller whom nobody identified", "delivery": "answer", "fate": "handed out over the API"}
		if t.Encrypted != nil {
			facts["delivery"], facts["pgp"] = "pgp", t.PGP
			if err := s.keep(fmt.Sprintf("shares/%s-root-token.asc", p.op.ID), t.Encrypted, facts); err != nil {
				return nil, err
			}
		}
		if err := s.note("token", facts); err != nil {
			return nil, err
		}
	}
	return issue, nil
}

// keep writes a message into the record, in armor.
func (s *Server) keep(name string, message []byte, facts map[string]any) error {
	armored, err := pgp.Armor(message, false)
	if err != nil {
		return err
	}
	facts["file"] = name
	facts["sha256"], err = s.o.Record.Keep(name, armored)
	return err
}

// texts are what an answer is made of. It owns them.
type texts struct{ list []secret.Bytes }

func (t *texts) wipe() { secret.WipeAll(t.list) }

// hex are the shares as hex: of an encrypted one, the message's.
func (t *texts) hex(name string, issue *vaultstate.Issue) member {
	return t.each(name, issue, share.Hex)
}

func (t *texts) base64(name string, issue *vaultstate.Issue) member {
	return t.each(name, issue, base64Text)
}

func (t *texts) each(name string, issue *vaultstate.Issue, write func(secret.Bytes) secret.Bytes) member {
	list := []secret.Bytes{}
	for _, is := range issue.Shares {
		raw := is.Plain
		if is.Encrypted != nil {
			raw = secret.Take(append([]byte{}, is.Encrypted...))
		}
		list = append(list, write(raw))
		if is.Encrypted != nil {
			raw.Wipe()
		}
	}
	t.list = append(t.list, list...)
	return hiddenList(name, list)
}

// token is the root token of an init.
func (t *texts) token(issue *vaultstate.Issue) member {
	if issue.Token.Encrypted != nil {
		return public("root_token", base64.StdEncoding.EncodeToString(issue.Token.Encrypted))
	}
	return hidden("root_token", issue.Token.Plain)
}

func base64Text(raw secret.Bytes) secret.Bytes {
	out := secret.New(base64.StdEncoding.EncodedLen(raw.Len()))
	base64.StdEncoding.Encode(out.Expose(), raw.Expose())
	return out
}
