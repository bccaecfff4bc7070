//go:build cgo

package worker

/*
// Encryption, decryption and MACs in one call each. The binding asks for the
// size first and calls again: NSS states a wrong size for AES-GCM and ends the
// operation at the second call; a TPM ends it at the first.

typedef unsigned long word;
typedef unsigned char byte;

// The functions of CK_FUNCTION_LIST that are called here, by their places in
// it (PKCS#11 2.40, pkcs11f.h).
enum { ENCRYPT_INIT = 29, ENCRYPT, DECRYPT_INIT = 33, DECRYPT, SIGN_INIT = 42, SIGN };

struct list {
	byte version[2];
	void *f[68];
};

struct mechanism {
	word type;
	void *param;
	word length;
};

struct gcm { // CK_GCM_PARAMS
	byte *iv;
	word iv_length, iv_bits;
	byte *aad;
	word aad_length, tag_bits;
};

struct oaep { // CK_RSA_PKCS_OAEP_PARAMS
	word hash, mgf, source;
	void *label;
	word label_length;
};

typedef word (*begin)(word session, struct mechanism *m, word key);
typedef word (*run)(word session, byte *in, word in_length, byte *out, word *out_length);

enum { RSA_OAEP = 0x0009, AES_CBC = 0x1082, AES_CBC_PAD = 0x1085, AES_GCM = 0x1087, IV_LENGTH = 16, DATA_SPECIFIED = 1 };

// crypt begins an operation and runs it in one call. iv has IV_LENGTH bytes, of
// which iv_length are used; what the token makes of them is in it afterwards.
// began tells which of the two calls failed.
static word crypt(struct list *l, int first, word session, word type, byte *iv, word iv_length, word hash, word mgf,
	word key, byte *in, word in_length, byte *out, word *out_length, int *began)
{
	struct gcm g = { iv, iv_length, 8 * iv_length, 0, 0, 128 };
	struct oaep o = { hash, mgf, DATA_SPECIFIED, 0, 0 };
	struct mechanism m = { type, 0, 0 };
	switch (type) {
	case AES_GCM: m.param = &g; m.length = sizeof g; break;
	case RSA_OAEP: m.param = &o; m.length = sizeof o; break;
	case AES_CBC: case AES_CBC_PAD: m.param = iv; m.length = iv_length; break;
	}
	*began = 0;
	word e = ((begin)l->f[first])(session, &m, key);
	if (e != 0)
		return e;
	*began = 1;
	return ((run)l->f[first + 1])(session, in, in_length, out, out_length);
}
*/
import "C"

import (
	"unsafe"

	"github.com/miekg/pkcs11"
)

// operation is one of the three that are done in one call.
type operation struct {
	first       C.int // the place of its Init function
	begin, call string
}

var (
	encrypting = operation{C.ENCRYPT_INIT, "C_EncryptInit", "C_Encrypt"}
	decrypting = operation{C.DECRYPT_INIT, "C_DecryptInit", "C_Decrypt"}
	signing    = operation{C.SIGN_INIT, "C_SignInit", "C_Sign"}
)

// functions is the list that the binding got from the library, and no other:
// p11-kit's client has a state, and a login, for every list that is asked of it.
// The binding does not give its list away; this is how it lies in v1.1.2, as
// TestFunctions checks.
func functions(ctx *pkcs11.Ctx) *C.struct_list {
	bound := *(**struct{ handle, list unsafe.Pointer })(unsafe.Pointer(ctx))
	return (*C.struct_list)(bound.list)
}

// do runs an operation. The result is written into out, whose capacity is all
// that the library may use; m.IV holds afterwards what stands in the parameters.
func (o operation) do(ctx *pkcs11.Ctx, sh pkcs11.SessionHandle, key pkcs11.ObjectHandle, m Mechanism, in, out []byte) (n int, err error) {
	var iv [C.IV_LENGTH]byte
	if len(m.IV) > len(iv) || len(out) == 0 {
		return 0, errBad
	}
	copy(iv[:], m.IV)
	length, began := C.word(len(out)), C.int(0)
	e := C.crypt(functions(ctx), o.first, C.word(sh), C.word(m.Type), (*C.byte)(&iv[0]), C.word(len(m.IV)), C.word(m.Hash), C.word(m.MGF),
		C.word(key), (*C.byte)(unsafe.SliceData(in)), C.word(len(in)), (*C.byte)(&out[0]), &length, &began)
	copy(m.IV, iv[:])
	call := o.begin
	if began != 0 {
		call = o.call
	}
	switch {
	case e != 0:
		return 0, &Fault{Call: call, Code: uint(e)}
	case length > C.word(len(out)):
		return 0, &Fault{Call: call, Code: pkcs11.CKR_BUFFER_TOO_SMALL}
	}
	return int(length), nil
}
