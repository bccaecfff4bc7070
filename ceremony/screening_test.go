package ceremony

import "testing"

func TestSecretShape(t *testing.T) {
	for text, want := range map[string]bool{
		"The paper shows the key of 2023":                              false,
		"Wim Waters, Olga Example":                                     false,
		"bag A-0042-7731 instead of A-0042-7713":                       false,
		"card 9F3C 2A71 88D0 4B5E 19AF 93AF 0C1D 77E2 B0A4 5D16 found": false, // a PGP fingerprint
		"2026-11-25 18:30 instead of 2026-11-25 18:00, see page 12":    false,
		"/var/lib/openbao/2026-11-23-KC-2026-017-init/transcript":      false,
		"e.g. s.o.s. was sounded":                                      false,
		"token hvs.CAESIJ2mTqFhXHrv1PZ0sample0":                        true,
		"s.4kR2ZcZb3yDq0XoT8V0sampl":                                   true,
		"-----BEGIN PGP PRIVATE KEY BLOCK-----":                        true,
		"798114Z 20CB50F 02E950G":                                      true,
		"798 114 Z  20C B50 F  02E 950 G":                              true,
		"20cb5002e950fe71e1a749a490850903":                             true,
		"20 cb 50 02 e9 50 fe 71 e1 a7 49 a4 90":                       true,
		"xQ7bU2l0aCBhIHNoYXJlIG9mIDMzIGJ5dGVzIHRvdGFs":                 true, // 33 bytes
	} {
		if got := secretShape(text); got != want {
			t.Errorf("secretShape(%q) = %v", text, got)
		}
	}
}
