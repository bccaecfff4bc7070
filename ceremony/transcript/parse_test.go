package transcript

import (
	"reflect"
	"testing"
)

// FuzzParse: what parse takes, the long way takes, too, and reads the same in it.
func FuzzParse(f *testing.F) {
	const line = `{"seq":2,"prev":"0000000000000000000000000000000000000000000000000000000000000000","salt":"00112233445566778899aabbccddeeff",` +
		`"time":"2026-11-24T14:00:00.000Z","boot":1000,"kind":"override","step":"","claimed":"Ol\"\\ü\u2028ga","evidence":"keyboard",` +
		`"facts":{"id":"a","sentence":"b"}}` + "\n"
	f.Add(line)
	f.Add(`{"mark":"PRACTICE",` + line[1:])
	ev, ok := parse(line)
	if !ok || ev.Claimed != "Ol\"\\ü\u2028ga" {
		f.Fatalf("parse = %+v, %v", ev, ok)
	}
	f.Fuzz(func(t *testing.T, s string) {
		fast, ok := parse(s)
		if !ok || fast.check() != nil {
			return
		}
		slow, err := decodeSlowly([]byte(s))
		if err != nil || !reflect.DeepEqual(fast, slow) {
			t.Fatalf("parse takes it as %+v, and the long way: %+v, %v", fast, slow, err)
		}
	})
}
