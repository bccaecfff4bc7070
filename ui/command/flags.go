package command

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"conclave/ceremony/plan"
	"conclave/vaultstate/pgp"
)

// flags are the flags of one call, as they were typed.
type flags struct {
	set *pflag.FlagSet

	plan string         // the plan's file
	doc  *plan.Document // what it says; nil without -plan

	docSHA256 string       // of the plan's file
	takes     string       // the record of the interrupted run that is taken up
	taken     []plan.Value // …which the agreed plan names

	// Which vault and which HSM.
	config, storage, serial, pinFile string
	hsm                              map[string]*string // by flag: those that serverconfig knows
	generateKey, acceptSeal          bool
	sign                             plan.SignRecord

	// The ceremony.
	dir, id, purpose, previous string
	operator                   string
	witnesses, custodians      []string
	organisations              []string // NAME=ORGANISATION
	noWitness, plain           bool
	piped, recorder            bool
	skipProof, deep            bool

	which                                        string // of a rekey: barrier or recovery
	keyShares, keyThreshold, storedShares        int
	shares, threshold                            int
	keys, pgpKeys, rootKey, rootPrint, rootToken string
	witnessKey, challenge                        string
	tokenReceiver, tokenUntil, accessor          string
	tokenTTL                                     string

	named
	arrangements
	serving       serverFlags
	drilling      plan.DrillRequest
	hsmBackup     bool
	recovering    recovering
	api           bool   // of a plan alone: a session of the API may do it
	unsealKeys    bool   // the new shares are of a server's unseal key
	recordsBefore string // the record that the roster comes from
	moves
	otherKey
}

// hsmFlags are the names under which serverconfig.Resolve knows flags.
var hsmFlags = []struct{ name, text string }{
	{"hsm-lib", "the PKCS#11 library, a `FILE`"},
	{"hsm-token-label", "the token's `LABEL`"},
	{"hsm-slot", "the token's slot, a number `N`, of this run only"},
	{"hsm-key-label", "the key's `LABEL`"},
	{"hsm-key-id", "the key's CKA_ID, `HEX`"},
	{"hsm-mechanism", "its `NAME`; without it the first AES one that passes"},
	{"hsm-hmac-key-label", "the `LABEL` of the HMAC key, for AES-CBC"},
	{"hsm-hmac-key-id", "its CKA_ID, `HEX`"},
	{"hsm-rsa-oaep-hash", "the `HASH` of RSA-OAEP: sha1 to sha512"},
}

// newFlags gives c the flags that name a vault and its HSM.
func newFlags(c *cobra.Command) *flags {
	f := &flags{set: c.Flags(), hsm: map[string]*string{}}
	s := f.set
	s.SortFlags = false
	s.StringVar(&f.config, "config", "", "an OpenBao or Vault server configuration, a `FILE`")
	s.StringVar(&f.storage, "storage", "", "the vault's storage directory `DIR`, if no -config gives it")
	for _, h := range hsmFlags {
		f.hsm[h.name] = s.String(h.name, "", h.text)
	}
	for _, rare := range []string{"hsm-hmac-key-label", "hsm-hmac-key-id", "hsm-rsa-oaep-hash"} {
		s.Lookup(rare).Hidden = true // the page is full; README has them
	}
	s.StringVar(&f.serial, "hsm-token-serial", "", "the token's `SERIAL` number, where labels are alike")
	s.BoolVar(&f.generateKey, "hsm-generate-key", false, "make the HSM key if it is missing")
	s.StringVar(&f.pinFile, "hsm-pin-file", "", "a `FILE` of mode 0600 with the PIN: recorded as single control")
	return f
}

// ceremonyFlags gives c the flags that every ceremony on a vault has.
func ceremonyFlags(c *cobra.Command) *flags {
	f := newFlags(c)
	s := f.set
	s.StringVar(&f.plan, "plan", "", "the plan, a `FILE`: it says everything that is agreed")
	s.StringVar(&f.dir, "dir", ".", "the `DIR` in which the record's directory is made")
	s.StringVar(&f.id, "id", "", "the ceremony's `ID`; without it one with date and time")
	s.StringVar(&f.purpose, "purpose", "", "what it is held for, a `TEXT` for the record")
	s.StringVar(&f.previous, "previous", "", "the record `DIR` of the ceremony before, or of them all; or none")
	s.StringVar(&f.sign.Label, "hsm-sign-record", "", "the `LABEL` of a key in the HSM that signs the record; a plan may have it made")
	s.BoolVar(&f.sign.Generate, "hsm-sign-record-generate", false, "of a plan alone: make that key if it is missing")
	s.Lookup("hsm-sign-record-generate").Hidden = true // only a plan says it
	s.StringVar(&f.operator, "operator", "", "the operator's `NAME`")
	s.StringArrayVar(&f.witnesses, "witness", nil, "a witness' `NAME`; once for each")
	s.StringArrayVar(&f.custodians, "custodian", nil, "a custodian's `NAME`; once for each, in the order of the shares")
	s.StringArrayVar(&f.organisations, "organisation", nil, "whose somebody is, NAME=`ORG`; once for each")
	s.BoolVar(&f.noWitness, "no-witness", false, "without a witness: an override")
	s.BoolVar(&f.plain, "plain", false, "line by line, without a screen")
	s.BoolVar(&f.piped, "allow-piped-secrets", false, "secrets through a pipe: an override")
	s.BoolVar(&f.recorder, "allow-recorder", false, "although the terminal is recorded: an override")
	f.arrangementFlags()
	f.serverFlags()
	common(s)
	f.challengeFlags()
	return f
}

// common moves the flags so far to the second part of the help page.
func common(s *pflag.FlagSet) {
	s.VisitAll(func(f *pflag.Flag) {
		f.Annotations = map[string][]string{group: {"common"}}
	})
}

// singleFlags are those of the root key, which rule S2 holds at 1.
func (f *flags) singleFlags() {
	f.set.IntVar(&f.keyShares, "key-shares", 1, "`1`: the root key is not split under an HSM seal")
	f.set.IntVar(&f.keyThreshold, "key-threshold", 1, "`1`")
	f.set.IntVar(&f.storedShares, "stored-shares", 1, "`1`")
}

// recoveryFlags are those of the new recovery shares.
func (f *flags) recoveryFlags() {
	f.set.IntVar(&f.shares, "recovery-shares", 5, "how many recovery shares are made, `N`")
	f.set.IntVar(&f.threshold, "recovery-threshold", 3, "how many of them are needed, `N`")
	f.set.StringVar(&f.keys, "recovery-pgp-keys", "", "`FILES` with a public key each, and commas")
	f.set.Lookup("challenge").Hidden = false
	f.set.BoolVar(&f.skipProof, "skip-proof", false, "shares count without being proven: an override")
}

// challengeFlags are of every ceremony, for plans: a witness' key, whose fingerprint
// a plan says, and whether keys are challenged, which the help page has where
// custodians have some.
func (f *flags) challengeFlags() {
	f.set.StringVar(&f.witnessKey, "witness-pgp-key", "", "a `FILE` with the witness' public key")
	f.set.StringVar(&f.challenge, "challenge", "keys", "`WHO` decrypts a code: keys, or none: an override")
	f.set.Lookup("witness-pgp-key").Hidden, f.set.Lookup("challenge").Hidden = true, true
}

func (f *flags) rootTokenKeyFlag() {
	f.set.StringVar(&f.rootKey, "root-token-pgp-key", "", "a `FILE` with the public key for the root token")
	f.set.StringVar(&f.rootPrint, "root-token-fingerprint", "", "its `FINGERPRINT`, from its holder's card")
	f.set.Lookup("root-token-fingerprint").Hidden = true // for plans
	f.set.StringVar(&f.tokenReceiver, "root-token-receiver", "", "the `NAME` of who receives the root token")
	f.set.StringVar(&f.tokenUntil, "root-token-until", "", "the `DATE` by which it is revoked")
}

func (f *flags) acceptSealFlag() {
	f.set.BoolVar(&f.acceptSeal, "accept-unauthenticated-seal", false, "the seal may be RSA-OAEP: an override")
}

// given tells whether a flag was on the command line.
func (f *flags) given(name string) bool {
	flag := f.set.Lookup(name)
	return flag != nil && flag.Changed
}

func (f *flags) number(name string, value int) plan.Number {
	return plan.Number{Value: value, Given: f.given(name)}
}

// request is what the flags ask for, but for the vault and the HSM. It reads
// the key files, each once.
func (f *flags) request(q *plan.Request) error {
	q.ID, q.Purpose = f.id, f.purpose
	q.KeyShares = f.number("key-shares", f.keyShares)
	q.KeyThreshold = f.number("key-threshold", f.keyThreshold)
	q.StoredShares = f.number("stored-shares", f.storedShares)
	q.RecoveryShares = f.number("recovery-shares", f.shares)
	q.RecoveryThreshold = f.number("recovery-threshold", f.threshold)
	q.Accessor = f.accessor
	q.RootTokenReceiver, q.RootTokenUntil, q.RootTokenTTL = f.tokenReceiver, f.tokenUntil, f.tokenTTL
	q.RootTokenPrint = f.rootPrint
	q.RootToken, q.GenerateKey, q.SkipProof, q.Deep = f.rootToken, f.generateKey, f.skipProof, f.deep
	q.UnsealKeys, q.API = f.unsealKeys, f.api
	q.SignRecord = f.sign
	if f.sign.Generate && f.doc == nil {
		return usage("-hsm-sign-record-generate: only a plan has a key made that signs (sign_record_generate = true). Nothing was touched.")
	}
	q.Operator, q.Custodians, q.NoWitness = f.operator, f.custodians, f.noWitness
	if len(f.witnesses) > 0 {
		q.Witness, q.Witnesses = f.witnesses[0], f.witnesses[1:]
	}
	err := f.arrange(q)
	if err != nil {
		return err
	}
	if q.RecoveryKeys, err = f.keyFiles("recovery-pgp-keys", f.keys); err != nil {
		return err
	}
	if f.given("challenge") {
		q.Challenge = f.challenge
	}
	if q.WitnessKey, err = f.keyFile("witness-pgp-key", f.witnessKey, "a witness has one key"); err != nil {
		return err
	}
	q.RootTokenKey, err = f.keyFile("root-token-pgp-key", f.rootKey, "the token goes to one key")
	return err
}

// keyFile reads the one file of a flag; nil if it names none.
func (n *named) keyFile(flag, name, why string) (*plan.File, error) {
	one, err := n.keyFiles(flag, name)
	switch {
	case err != nil:
		return nil, err
	case len(one) > 1:
		return nil, usage("-%s names %d files; %s. Nothing was touched.", flag, len(one), why)
	case len(one) == 1:
		return &one[0], nil
	}
	return nil, nil //nolint:nilnil // no file was named
}

// keyFiles reads the files of a list as Vault's command line writes it: names
// separated by commas, each with or without an @ before it.
func (n *named) keyFiles(flag, list string) ([]plan.File, error) {
	if list == "" {
		return nil, nil
	}
	var files []plan.File
	for _, name := range strings.Split(list, ",") {
		name = strings.TrimPrefix(strings.TrimSpace(name), "@")
		if name == "" {
			return nil, usage("-%s: there is an empty name in the list. Nothing was touched.", flag)
		}
		if err := pgp.CheckName(name); err != nil {
			return nil, usage("-%s: %v. Nothing was touched.", flag, err)
		}
		data, err := n.read(flag, name, maxKey)
		if err != nil {
			return nil, usage("-%s: %v. Nothing was touched.", flag, err)
		}
		files = append(files, plan.File{Name: name, Data: data})
	}
	return files, nil
}
