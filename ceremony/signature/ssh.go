package signature

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"conclave/assets/clean"
)

// The armor of OpenSSH's PROTOCOL.sshsig.
const (
	sshBegin = "-----BEGIN SSH SIGNATURE-----\n"
	sshEnd   = "-----END SSH SIGNATURE-----"
	sshMagic = "SSHSIG"
)

// sshSignature is the blob after its magic, as PROTOCOL.sshsig has it.
type sshSignature struct {
	Version   uint32
	PublicKey []byte
	Namespace string
	Reserved  string
	Hash      string
	Signature []byte
}

// signer is one line of an allowed-signers file.
type signer struct {
	who        string
	key        ssh.PublicKey
	namespaces []string // nil: all
	after      time.Time
	before     time.Time // zero: for ever
}

// parseAllowed reads allowed signers as ssh-keygen(1) describes them. What it
// does not know, it refuses: an option that is overlooked would trust too much.
func parseAllowed(data []byte) ([]signer, error) {
	var list []signer
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		s, err := parseSigner(line)
		if err != nil {
			return nil, fmt.Errorf("line %d of the allowed signers: %w", n, err)
		}
		list = append(list, s)
	}
	if len(list) == 0 {
		return nil, errors.New("there is no key in the file: it is neither allowed signers, nor OpenPGP, nor minisign")
	}
	return list, nil
}

func parseSigner(line string) (signer, error) {
	who, rest, ok := strings.Cut(line, " ")
	if !ok || strings.ContainsAny(who, "\"\t") {
		return signer{}, errors.New("it begins with whose key it is, without quotes, and a blank")
	}
	key, _, options, more, err := ssh.ParseAuthorizedKey([]byte(strings.TrimSpace(rest)))
	if err != nil || len(more) > 0 {
		return signer{}, errors.New("no public key of ssh follows the name")
	}
	s := signer{who: clean.Clean(who), key: key}
	for _, o := range options {
		name, value, _ := strings.Cut(o, "=")
		value = strings.Trim(value, `"`)
		switch strings.ToLower(name) {
		case "namespaces":
			s.namespaces = strings.Split(value, ",")
		case "valid-after":
			s.after, err = sshTime(value)
		case "valid-before":
			s.before, err = sshTime(value)
		default:
			err = fmt.Errorf("the option %q is not known here", clean.Clean(name))
		}
		if err != nil {
			return signer{}, err
		}
	}
	return s, nil
}

// sshTime reads YYYYMMDD[HHMM[SS]][Z].
func sshTime(s string) (time.Time, error) {
	zone := time.Local
	if rest, ok := strings.CutSuffix(s, "Z"); ok {
		s, zone = rest, time.UTC
	}
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("a time is not written as YYYYMMDD or YYYYMMDDHHMM[SS], with or without Z")
}

func (t *Trust) checkSSH(message, armored []byte, namespace string, now time.Time) (Result, error) {
	sig, err := parseSSH(armored)
	if err != nil {
		return Result{}, err
	}
	key, err := ssh.ParsePublicKey(sig.PublicKey)
	if err != nil {
		return Result{}, errors.New("the key in the ssh signature is none")
	}
	r := Result{Kind: SSH, Key: ssh.FingerprintSHA256(key)}
	if sig.Namespace != namespace {
		return r, fmt.Errorf("%w: it was made for %q, not for %q", ErrWrong, clean.Clean(sig.Namespace), namespace)
	}
	if err := verifySSH(key, sig, message); err != nil {
		return r, fmt.Errorf("%w: %w", ErrWrong, err)
	}
	r.Checked = true
	for _, s := range t.ssh {
		switch {
		case !bytes.Equal(s.key.Marshal(), key.Marshal()):
		case s.namespaces != nil && !slices.Contains(s.namespaces, sig.Namespace):
		case now.Before(s.after), !s.before.IsZero() && !now.Before(s.before):
		default:
			r.Who, r.Trusted = s.who, true
			return r, nil
		}
	}
	return r, nil
}

func parseSSH(armored []byte) (sshSignature, error) {
	wrong := errors.New("it is no signature as ssh-keygen writes it")
	text, ok := strings.CutPrefix(string(armored), sshBegin)
	text, end, ok2 := strings.Cut(text, sshEnd)
	if !ok || !ok2 || strings.TrimSpace(end) != "" {
		return sshSignature{}, wrong
	}
	blob, err := base64.StdEncoding.Strict().DecodeString(strings.ReplaceAll(text, "\n", ""))
	if err != nil {
		return sshSignature{}, wrong
	}
	blob, ok = bytes.CutPrefix(blob, []byte(sshMagic))
	var sig sshSignature
	if !ok || ssh.Unmarshal(blob, &sig) != nil || sig.Version != 1 {
		return sshSignature{}, wrong
	}
	return sig, nil
}

// userPresent is the flag of a security key that was touched.
const userPresent = 0x01

func verifySSH(key ssh.PublicKey, sig sshSignature, message []byte) error {
	var digest []byte
	switch sig.Hash {
	case "sha256":
		d := sha256.Sum256(message)
		digest = d[:]
	case "sha512":
		d := sha512.Sum512(message)
		digest = d[:]
	default:
		return errors.New("its hash is neither sha256 nor sha512")
	}
	var s ssh.Signature
	if err := ssh.Unmarshal(sig.Signature, &s); err != nil {
		return errors.New("the signature in it is none")
	}
	switch s.Format {
	case ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		if len(s.Rest) > 0 {
			return errors.New("something follows the signature in it")
		}
	case ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256:
		if len(s.Rest) != 5 || s.Rest[0]&userPresent == 0 {
			return errors.New("nobody touched the security key")
		}
	default:
		return errors.New("its algorithm is not accepted")
	}
	signed := append([]byte(sshMagic), ssh.Marshal(struct {
		Namespace, Reserved, Hash string
		Digest                    []byte
	}{sig.Namespace, sig.Reserved, sig.Hash, digest})...)
	return key.Verify(signed, &s)
}
