package ceremony

import "conclave/vaultstate"

// goServer are the three lines before a change of a running server.
func goServer(r *Run) Prompt {
	const never = "never; what a server did is changed by another ceremony"
	p := Prompt{Undo: never}
	switch r.plan.Kind {
	case vaultstate.Init:
		p.Action = "Have the server initialised"
		p.Changes = "the server makes its keys and a root token, with this request"
		p.Stays = "everything outside the server's storage"
		p.Undo = "never; the storage can be cleared, and all begun again"
	case vaultstate.Rekey:
		p.Action, p.Changes, p.Stays = "Replace the root key", "the root key; the server's seal wraps the new one", "all data, the shares, all tokens and policies"
	case vaultstate.RecoveryRekey:
		if r.plan.UnsealKeys {
			p.Action, p.Changes, p.Stays = "Replace the unseal keys", "root key and unseal key: from now on the new shares unseal", "all data, all tokens and policies"
			break
		}
		p.Action, p.Changes, p.Stays = "Replace the recovery key", "the recovery key: from now on the new shares count", "the root key, all data, all tokens and policies"
	case vaultstate.Rotate:
		p.Action, p.Changes, p.Stays = "Rotate the data encryption key", "new entries are encrypted with a new key, under a new term", "what is stored stays readable under its own term"
	case vaultstate.GenerateRoot:
		p.Action, p.Changes, p.Stays = "Have a root token made", "a root token that never expires and may do everything; it counts from the last share on", "all keys, shares and data"
		p.Undo = "the token is revoked, as a step of this ceremony"
		if ttl := r.plan.TokenTTL; ttl > 0 {
			p.Action = "Have a token made that may do everything"
			p.Changes = "a token with the policy root that ends after " + ttl.String() + "; the root token that makes it is revoked at once"
		}
	default:
		p.Action, p.Changes, p.Stays, p.Undo = "Unseal", "the nodes that are sealed serve again", "everything that is stored", "a node is sealed again with its own command"
	}
	return p
}

// onEither has the lines of a local vault or of a server.
func onEither(local func(*Run) Prompt) func(*Run) Prompt {
	return func(r *Run) Prompt {
		if r.remote() {
			return goServer(r)
		}
		return local(r)
	}
}
