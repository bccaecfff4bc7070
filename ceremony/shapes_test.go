package ceremony

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"conclave/hsm/secret"
	"conclave/vaultstate/share"
)

func TestSecretShape(t *testing.T) {
	for text, want := range map[string]bool{
		"The paper shows the key of 2023":                              false,
		"Wim Waters, Olga Example":                                     false,
		"bag A-0042-7731 instead of A-0042-7713":                       false,
		"card 9F3C 2A71 88D0 4B5E 19AF 93AF 0C1D 77E2 B0A4 5D16 found": false, // a PGP fingerprint
		"2026-11-25 18:30 instead of 2026-11-25 18:00, see page 12":    false,
		"/var/lib/openbao/2026-11-23-KC-2026-017-init/transcript":      false,
		"e.g. s.o.s. was sounded":                                      false,
		"/mnt/usb/Conclave/records/olga/audit/Backups":                 false, // 44 characters, 33 bytes
		"/mnt/usb/Conclave/records/of/audit/Backup12":                  true,  // 43, and a digit
		"bags A004277, A004278, A004279":                               false,
		"1. face it, 2. decade: a facade, 3. added":                    false,
		"token hvs.CAESIJ2mTqFhXHrv1PZ0sample0":                        true,
		"s.4kR2ZcZb3yDq0XoT8V0sampl":                                   true,
		"-----BEGIN PGP PRIVATE KEY BLOCK-----":                        true,
		"798114Z 20CB50F 02E950G":                                      true,
		"798 114 Z  20C B50 F  02E 950 G":                              true,
		"1 798114Z, 2 20CB50F, 3 02E950G":                              true,
		"20cb5002e950fe71e1a749a490850903":                             true,
		"20 cb 50 02 e9 50 fe 71 e1 a7 49 a4 90":                       true,
		"xQ7bU2l0aCBhIHNoYXJlIG9mIDMzIGJ5dGVzIHRvdGFs":                 true, // 33 bytes
		"xQ/bUplaYCBhIHNoYXJlIG+mIDMzIGJ/dGVzIHRvdGFs":                 true, // no digit
	} {
		if got := SecretShape(text); got != want {
			t.Errorf("SecretShape(%q) = %v", text, got)
		}
	}
}

// TestShapeOfShares: whatever a share's bytes are, its text is known, also to a
// run that doesn't have it.
func TestShapeOfShares(t *testing.T) {
	for _, size := range []int{32, 33} {
		dice := rand.New(rand.NewPCG(uint64(size), 2026))
		for range 4000 {
			raw := secret.New(size)
			for i := range raw.Expose() {
				raw.Expose()[i] = byte(dice.UintN(256))
			}
			groups, numbered := string(share.Scheme{}.Groups(raw).Expose()), ""
			for g := range share.GroupCount(size) {
				from, to := share.GroupAt(g, size)
				numbered += fmt.Sprintf("%2d %s  ", g+1, groups[from:to])
			}
			for form, text := range map[string]string{
				"hex": hex.EncodeToString(raw.Expose()), "base64": base64.StdEncoding.EncodeToString(raw.Expose()), "base64 for addresses": base64.RawURLEncoding.EncodeToString(raw.Expose()),
				"groups": groups, "small groups": strings.ToLower(groups), "numbered groups": numbered, "half of the groups": groups[:len(groups)/2],
			} {
				if !SecretShape("it is " + text + ", he said") {
					t.Fatalf("%s: %q is not known as a share", form, text)
				}
			}
			raw.Wipe()
		}
	}
}

// TestLikeNoName: of a name more is asked, since it is typed by hand and holds no
// digits: also a secret with blanks in it, or a part of one, is none.
func TestLikeNoName(t *testing.T) {
	for text, want := range map[string]bool{
		"Olga Example, of Internal Audit":                        false,
		"Maria Magdalena van den Heuvel-Oosterhuis, of Audit":    false,
		"Wim Waters the 3rd":                                     false,
		"s.8sTg Q0mP zLw3 xRkV bN5yHcJd":                         true,
		"hvs.CAES IJq0 u1Zk Pb7v T2mR":                           true,
		"b.AAAAAAAA BBBBBBBB CCCC":                               true,
		"-----BEGIN PGP MESSAGE-----":                            true,
		"xQ7b U2l0 aCBh IHNo YXJl IG9m IDMz IGJ5 dGVz IHRv dGFs": true,
		"xQ/b Upla YCBh IHNo YXJl IG+m IDMz IGJ/ dGVz IHRv dGFs": true, // no digit
		"20cb 5002 e950 fe71 e1a7":                               true,
		"798114Z 20CB50F 02E950G":                                true,
	} {
		if got := likeNoName(text); got != want {
			t.Errorf("likeNoName(%q) = %v", text, got)
		}
	}
}
