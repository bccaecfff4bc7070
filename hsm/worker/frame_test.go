package worker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
)

func frameOf(h head, fill func(*packer)) []byte {
	frame := make([]byte, frameSize)
	p := newPacker(frame)
	if fill != nil {
		fill(p)
	}
	h.length = p.n
	putHead(frame, h)
	return frame
}

func TestFrame(t *testing.T) {
	frame := frameOf(head{op: opLogin, status: statusFault, id: 1 << 40}, func(p *packer) { p.num(7); p.str("C_Login"); p.flag(true); p.bytes(nil) })
	h, body, err := parseFrame(frame)
	if err != nil || h.op != opLogin || h.status != statusFault || h.id != 1<<40 {
		t.Fatalf("%+v, %v", h, err)
	}
	u := &unpacker{body: body}
	if u.num() != 7 || u.str() != "C_Login" || !u.flag() || len(u.bytes()) != 0 || u.done() != nil {
		t.Error("the fields differ")
	}
}

func TestFrameRefused(t *testing.T) {
	good := frameOf(head{op: opSlots}, nil)
	change := func(at int, b ...byte) []byte {
		f := bytes.Clone(good)
		copy(f[at:], b)
		return f
	}
	for name, frame := range map[string][]byte{
		"short":     good[:frameSize-1],
		"long":      append(bytes.Clone(good), 0),
		"magic":     change(0, 'X'),
		"oversized": change(16, binary.BigEndian.AppendUint32(nil, maxBody+1)...),
		"huge":      change(16, 0xff, 0xff, 0xff, 0xff),
		"reserved":  change(20, 1),
	} {
		if _, _, err := parseFrame(frame); !errors.Is(err, errFrame) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := parseFrame(change(16, binary.BigEndian.AppendUint32(nil, maxBody)...)); err != nil {
		t.Errorf("the longest body: %v", err)
	}
}

func TestPackerOver(t *testing.T) {
	p := newPacker(make([]byte, frameSize))
	p.bytes(make([]byte, maxBody-4))
	if p.over {
		t.Fatal("what fits does not fit")
	}
	p.num(1)
	if !p.over || p.n != maxBody {
		t.Error("too much was taken")
	}
	p = newPacker(make([]byte, frameSize))
	p.bytes(make([]byte, maxBody-3))
	if !p.over {
		t.Error("too long a field was taken")
	}
}

func FuzzFrame(f *testing.F) {
	f.Add(frameOf(head{op: opFind, id: 3}, func(p *packer) { p.num(4); p.str("vault"); p.bytes([]byte{1}) }))
	f.Add(make([]byte, frameSize))
	f.Fuzz(func(t *testing.T, in []byte) {
		frame := make([]byte, frameSize)
		copy(frame, in)
		h, body, err := parseFrame(frame)
		if err != nil {
			return
		}
		if h.length != len(body) || len(body) > maxBody {
			t.Fatalf("a body of %d, said to be %d", len(body), h.length)
		}
		u := &unpacker{body: body}
		for range 10 {
			_, _ = u.num(), u.bytes()
		}
		_ = result(frame, h.op, func(u *unpacker) { _ = u.bytes() })
	})
}

func TestEnvironment(t *testing.T) {
	got := Environment([]string{"PATH=/bin", "HOME=/root", "SOFTHSM2_CONF=/a", "TPM2_PKCS11_STORE=/s", "VAULT_TOKEN=x", "BAO_HSM_PIN=1", "CLOUDHSM_PIN=1",
		"TPM2_PKCS11_PIN=1", "PKCS11SPY=/lib", "LD_PRELOAD=/x.so", "GLIBC_TUNABLES=x", "odd"}, []string{"SOFTHSM2_CONF=/b"})
	want := []string{"PATH=/bin", "HOME=/root", "SOFTHSM2_CONF=/a", "TPM2_PKCS11_STORE=/s", "SOFTHSM2_CONF=/b"}
	if !slices.Equal(got[:len(got)-1], want) || !strings.HasPrefix(got[len(got)-1], "GLIBC_TUNABLES=") {
		t.Errorf("got %q", got)
	}
}

func TestTrim(t *testing.T) {
	for in, want := range map[string]string{"a b  ": "a b", "SW   TPM\x00\x00 ": "SW   TPM", "\x00x": "", "": "", "  a": "  a"} {
		if got := Trim(in); got != want {
			t.Errorf("%q became %q", in, got)
		}
	}
}
