package servertest

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"

	"conclave/vaultstate/pgp"
)

func (f *Server) pending(kind string) m {
	op := f.Ops[kind]
	required := f.Threshold
	if op == nil {
		return m{"nonce": "", "started": false, "t": 0, "n": 0, "progress": 0, "required": required, "pgp_fingerprints": nil, "backup": false,
			"verification_required": false, "complete": false, "encoded_token": "", "pgp_fingerprint": "", "otp": "", "otp_length": 26}
	}
	var prints []string
	for _, k := range op.PGP {
		if k, err := pgp.Read("test", []byte(k)); err == nil {
			prints = append(prints, k.Fingerprint)
		}
	}
	out := m{"nonce": op.Nonce, "started": true, "t": op.T, "n": op.N, "progress": len(op.Given), "required": required, "pgp_fingerprints": prints,
		"backup": op.Backup, "verification_required": op.Verification, "verification_nonce": op.VerifyNonce, "complete": false, "otp_length": 26, "pgp_fingerprint": ""}
	if kind == "rekey" && f.Dialect.ZeroRoot && !f.Newer {
		out["n"], out["t"] = 0, 0
	}
	if kind == "root" && len(prints) == 1 {
		out["pgp_fingerprint"] = prints[0]
	}
	return out
}

func (f *Server) operate(kind, method, at string, in m) reply {
	switch {
	case kind == "recovery" && f.Dialect.Shamir && f.Newer:
		return refuse(400, "unable to look up config: recovery not supported")
	case kind == "recovery" && f.Dialect.Shamir:
		return refuse(400, "recovery rekeying not supported")
	}
	op := f.Ops[kind]
	switch {
	case f.Standby:
		return refuse(503, "node is not active")
	case method == http.MethodGet && (at == "init" || at == "attempt"):
		return reply{200, f.pending(kind)}
	case method == http.MethodDelete && (at == "init" || at == "attempt"):
		if op != nil && f.Dialect.OldToken && in["nonce"] != op.Nonce {
			return refuse(400, "invalid request")
		}
		delete(f.Ops, kind)
		return reply{204, nil}
	case at == "init" || at == "attempt":
		return f.begin(kind, in)
	case op == nil && at == "verify":
		return refuse(400, "no rekey configuration found")
	case op == nil:
		return refuse(400, "no recovery rekey in progress")
	case at == "update":
		return f.update(kind, op, in)
	case at == "verify" && op.VerifyNonce == "":
		return refuse(400, "no rekey verification in progress")
	case at == "verify" && method == http.MethodGet:
		return reply{200, m{"nonce": op.VerifyNonce, "started": true, "t": op.T, "n": op.N, "progress": len(op.Verified)}}
	case at == "verify" && method == http.MethodDelete:
		op.Verified, op.VerifyNonce = nil, id()
		return reply{204, nil}
	case at == "verify":
		return f.verify(kind, op, in)
	}
	return refuse(404, "unsupported path")
}

func (f *Server) begin(kind string, in m) reply {
	if f.Ops[kind] != nil {
		return refuse(400, "rekey already in progress")
	}
	op := &Op{Nonce: id(), N: number(in, "secret_shares"), T: number(in, "secret_threshold"), PGP: texts(in["pgp_keys"])}
	op.Verification, _ = in["require_verification"].(bool)
	op.OTP, _ = in["otp"].(string)
	f.OTPs = append(f.OTPs, op.OTP)
	if k, ok := in["pgp_key"].(string); ok {
		op.PGP = texts([]any{k})
	}
	if kind == "root" && op.PGP == nil && len(op.OTP) != 26 {
		return refuse(400, "OTP string is wrong length")
	}
	f.Ops[kind] = op
	if f.Threshold == 0 && kind == "recovery" && f.Newer {
		out := f.finish(kind, op).body.(m)
		delete(out, "nonce")
		return reply{200, out}
	}
	return reply{200, f.pending(kind)}
}

func (f *Server) update(kind string, op *Op, in m) reply {
	key, err := base64.StdEncoding.DecodeString(fmt.Sprint(in["key"]))
	switch {
	case err != nil:
		return refuse(400, "'key' must be a valid hex or base64 string")
	case in["nonce"] != op.Nonce:
		return refuse(400, "incorrect nonce supplied; nonce for this rekey operation is %q", op.Nonce)
	case op.VerifyNonce != "":
		return refuse(400, "rekey operation already finished; verification must be performed; nonce for the verification operation is %q", op.VerifyNonce)
	}
	for _, g := range op.Given {
		if string(g) == string(key) {
			return refuse(400, "given key has already been provided during this rekey operation")
		}
	}
	if op.Given = append(op.Given, key); len(op.Given) < f.Threshold {
		return reply{200, f.pending(kind)}
	}
	if !fits(op.Given, f.Key) {
		if !f.Dialect.Sticky {
			op.Given = nil
		}
		if f.Echo {
			return refuse(400, "the key %v does not match submitted values", in["key"])
		}
		return refuse(400, "recovery key verification failed: recovery key does not match submitted values")
	}
	return f.finish(kind, op)
}

func (f *Server) finish(kind string, op *Op) reply {
	out := m{"nonce": op.Nonce, "complete": true, "backup": false, "verification_required": op.Verification}
	if kind == "root" {
		delete(f.Ops, kind)
		token := "s." + id() + id()[:8]
		f.Tokens[token] = id()
		if op.PGP != nil {
			out["encoded_token"] = base64.StdEncoding.EncodeToString(f.encrypt(op.PGP[0], []byte(token)))
			return reply{200, out}
		}
		b := []byte(token)
		for i := range b {
			b[i] ^= op.OTP[i]
		}
		out["encoded_token"] = base64.RawStdEncoding.EncodeToString(b)
		return reply{200, out}
	}
	if kind == "rekey" && !f.Dialect.Shamir {
		delete(f.Ops, kind)
		out["keys"] = []string{hex.EncodeToString([]byte("junk"))}
		return reply{200, out}
	}
	if prints, ok := f.pending(kind)["pgp_fingerprints"].([]string); ok {
		out["pgp_fingerprints"] = prints
		if f.Swap {
			slices.Reverse(prints)
		}
	}
	var made []string
	op.Key, made = f.makeShares(op.N, op.T, op.PGP)
	out["keys"] = made
	if op.Verification {
		op.VerifyNonce, op.Given = id(), nil
		out["verification_nonce"] = op.VerifyNonce
		return reply{200, out}
	}
	f.count(kind, op)
	return reply{200, out}
}

// count has new shares count.
func (f *Server) count(kind string, op *Op) {
	f.Key, f.N, f.Threshold = op.Key, op.N, op.T
	delete(f.Ops, kind)
}

func (f *Server) verify(kind string, op *Op, in m) reply {
	key, _ := base64.StdEncoding.DecodeString(fmt.Sprint(in["key"]))
	if in["nonce"] != op.VerifyNonce {
		return refuse(400, "incorrect nonce supplied; nonce for this verify operation is %q", op.VerifyNonce)
	}
	if op.Verified = append(op.Verified, key); len(op.Verified) < op.T {
		return reply{200, m{"nonce": op.VerifyNonce, "started": true, "t": op.T, "n": op.N, "progress": len(op.Verified)}}
	}
	if !fits(op.Verified, op.Key) {
		op.Verified, op.VerifyNonce = nil, id()
		return refuse(400, "rekey verification failed; incorrect key shares supplied")
	}
	f.count(kind, op)
	return reply{200, m{"nonce": op.VerifyNonce, "complete": true}}
}

func (f *Server) unsealWith(in m) reply {
	if in["reset"] == true {
		f.Unseal, f.UnsealNonce = nil, ""
		return reply{200, f.status()}
	}
	key, _ := base64.StdEncoding.DecodeString(fmt.Sprint(in["key"]))
	if f.UnsealNonce == "" {
		f.UnsealNonce = id()
	}
	if f.Unseal = append(f.Unseal, key); len(f.Unseal) < f.Threshold {
		return reply{200, f.status()}
	}
	good := fits(f.Unseal, f.Key)
	f.Unseal, f.UnsealNonce = nil, ""
	if !good {
		return refuse(400, "invalid key: failed to verify recovery key: recovery key does not match submitted values")
	}
	f.Sealed = false
	return reply{200, f.status()}
}

// Stranger cancels a pending operation and begins it anew for other PGP keys,
// with the same numbers.
func (f *Server) Stranger(kind string, key pgp.Key) {
	old := f.Ops[kind]
	if old == nil {
		f.t.Errorf("the stranger finds no %s", kind)
		return
	}
	n := *old
	n.Nonce, n.Given, n.PGP = id(), make([][]byte, len(old.Given)), nil
	for i := range n.Given { // as many shares as before, to look alike
		n.Given[i] = []byte(id())
	}
	for range max(n.N, 1) {
		n.PGP = append(n.PGP, string(key.Binary))
	}
	if n.VerifyNonce != "" {
		n.VerifyNonce = id()
	}
	f.Ops[kind] = &n
}
