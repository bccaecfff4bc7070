package worker

import "strings"

// op is what a request asks for.
type op uint16

const (
	opLoad op = iota + 1
	opSlots
	opToken
	opLogin
	opRelogin
	opLogout
	opFind
	opAttributes
	opEncrypt
	opDecrypt
	opMAC
	opGenerate
	opInitToken
	opList
	opClose
	opRandom
	opSign
	opGeneratePair
	opDestroy
	opCreateData
)

// status is how a request ended.
type status uint16

const (
	statusOK          status = iota
	statusFault              // call, code
	statusNoLibrary          // reason
	statusNotLoggedIn        //
	statusNoPIN              //
	statusStale              //
	statusBad                // the request cannot be read, or does not fit the state
)

// The PKCS#11 numbers that both sides of hsm use (no others: table of
// PKCS#11 2.40, pkcs11t.h).
const (
	ClassData       = 0
	ClassPublicKey  = 2
	ClassPrivateKey = 3
	ClassSecretKey  = 4

	KeyTypeRSA     = 0x00
	KeyTypeEC      = 0x03
	KeyTypeAES     = 0x1F
	KeyTypeEdwards = 0x40

	MechanismRSAOAEP = 0x0009
	MechanismECDSA   = 0x1041
	MechanismEdDSA   = 0x1057
	MechanismAESGCM  = 0x1087

	MechanismRSAPKCS = 0x0001 // never used, only refused by name

	// Of AES-CBC with its HMAC.
	KeyTypeGeneric      = 0x10
	KeyTypeSHA256HMAC   = 0x2B
	MechanismSHA256HMAC = 0x0251
	MechanismAESCBC     = 0x1082
	MechanismAESCBCPad  = 0x1085

	AttrClass            = 0x000
	AttrToken            = 0x001
	AttrPrivate          = 0x002
	AttrLabel            = 0x003
	AttrValue            = 0x011 // of a data object, never of a key
	AttrKeyType          = 0x100
	AttrID               = 0x102
	AttrSensitive        = 0x103
	AttrEncrypt          = 0x104
	AttrDecrypt          = 0x105
	AttrWrap             = 0x106
	AttrUnwrap           = 0x107
	AttrSign             = 0x108
	AttrVerify           = 0x10A
	AttrDerive           = 0x10C
	AttrModulus          = 0x120
	AttrModulusBits      = 0x121
	AttrPublicExponent   = 0x122
	AttrValueLen         = 0x161
	AttrExtractable      = 0x162
	AttrLocal            = 0x163
	AttrNeverExtractable = 0x164
	AttrAlwaysSensitive  = 0x165
	AttrModifiable       = 0x170
	AttrECParams         = 0x180
	AttrECPoint          = 0x181

	FlagLoginRequired   = 0x0004
	FlagUserPINSet      = 0x0008
	FlagProtectedPath   = 0x0100
	FlagClockOnToken    = 0x0040
	FlagTokenReady      = 0x0400
	FlagUserPINCountLow = 0x10000
	FlagUserPINFinalTry = 0x20000
	FlagUserPINLocked   = 0x40000
)

// Handle names an object of the token, for as long as nobody logs in or out.
type Handle struct{ gen, object uint64 }

// TokenInfo is what C_GetTokenInfo says, with the padding cut off.
type TokenInfo struct {
	Label, Manufacturer, Model, Serial, Firmware string
	Flags, MinPIN, MaxPIN                        uint
	Clock                                        string // "YYYYMMDDhhmmss00", of a token that has one
}

// Trim cuts the padding of PKCS#11's fixed fields: spaces by the standard,
// zeros in practice.
func Trim(s string) string {
	if i := strings.IndexByte(s, 0); i >= 0 {
		s = s[:i]
	}
	return strings.TrimRight(s, " ")
}
