/*
 * shim is a PKCS#11 library in front of another one, for what SoftHSM cannot do
 * by itself: token flags, return codes, delays, crashes, an IV of the token's
 * own. Two environment variables say
 *
 *   SHIM_LIBRARY   which library it stands before
 *   SHIM_CONTROL   a text file with what to do, read again at every call
 *
 * A line of the control file is one of
 *
 *   log FILE                     append the name of every call to FILE
 *   flags +NAME -NAME ...        change what C_GetTokenInfo says of the token
 *   C_NAME ACTION [after N] [times M]
 *
 * where the action holds from call N+1 of that function on, for M calls; calls
 * are counted from the last change of the file. Actions:
 *
 *   return CODE     do not call the library; return CODE
 *   delay MS        wait first
 *   crash           die by SIGSEGV
 *   exit            end the process
 *   size N          call, then say that the result has N bytes (or objects)
 *   iv param|append|zero|append-zero|same|append-same
 *                   C_EncryptInit with AES-GCM: the token uses an IV of its own
 *                   (random, zeros, always the same), which C_Encrypt writes over
 *                   the caller's or appends to the output
 *   pin PIN         C_Login without a PIN: log in with this one, as if it had
 *                   been typed at the device
 *   rw              C_OpenSession: take no read-only session
 *   lie             C_GenerateKey: the key works, but is gone after C_Finalize
 *
 * Every PKCS#11 function takes at most eight arguments of the size of a word,
 * and so does every wrapper here: what a function does not have is passed on
 * unread. The calling conventions of Linux on amd64 and arm64 allow that; the
 * C standard does not.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

typedef unsigned long word;
typedef word (*function)(word, word, word, word, word, word, word, word);

/* The functions of CK_FUNCTION_LIST 2.40, in its order. */
#define FUNCTIONS(F) \
	F(Initialize) F(Finalize) F(GetInfo) F(GetFunctionList) F(GetSlotList) F(GetSlotInfo) \
	F(GetTokenInfo) F(GetMechanismList) F(GetMechanismInfo) F(InitToken) F(InitPIN) F(SetPIN) \
	F(OpenSession) F(CloseSession) F(CloseAllSessions) F(GetSessionInfo) F(GetOperationState) \
	F(SetOperationState) F(Login) F(Logout) F(CreateObject) F(CopyObject) F(DestroyObject) \
	F(GetObjectSize) F(GetAttributeValue) F(SetAttributeValue) F(FindObjectsInit) F(FindObjects) \
	F(FindObjectsFinal) F(EncryptInit) F(Encrypt) F(EncryptUpdate) F(EncryptFinal) F(DecryptInit) \
	F(Decrypt) F(DecryptUpdate) F(DecryptFinal) F(DigestInit) F(Digest) F(DigestUpdate) \
	F(DigestKey) F(DigestFinal) F(SignInit) F(Sign) F(SignUpdate) F(SignFinal) \
	F(SignRecoverInit) F(SignRecover) F(VerifyInit) F(Verify) F(VerifyUpdate) F(VerifyFinal) \
	F(VerifyRecoverInit) F(VerifyRecover) F(DigestEncryptUpdate) F(DecryptDigestUpdate) \
	F(SignEncryptUpdate) F(DecryptVerifyUpdate) F(GenerateKey) F(GenerateKeyPair) F(WrapKey) \
	F(UnwrapKey) F(DeriveKey) F(SeedRandom) F(GenerateRandom) F(GetFunctionStatus) \
	F(CancelFunction) F(WaitForSlotEvent)

#define F(name) name,
enum { FUNCTIONS(F) COUNT };
#undef F
#define F(name) "C_" #name,
static const char *names[] = { FUNCTIONS(F) };
#undef F

struct list {
	unsigned char version[2];
	function f[COUNT];
};

struct mechanism {
	word type;
	void *param;
	word length;
};

struct attribute {
	word type;
	void *value;
	word length;
};

struct gcm { /* CK_GCM_PARAMS */
	unsigned char *iv;
	word iv_length, iv_bits;
	void *aad;
	word aad_length, tag_bits;
};

enum {
	OK = 0, GENERAL_ERROR = 5, SESSION_READ_WRITE_SO_EXISTS = 0xB8, BUFFER_TOO_SMALL = 0x150,
	AES_GCM = 0x1087, IV_LENGTH = 12,
	TOKEN_FLAGS_AT = 32 + 32 + 16 + 16, TOKEN_INITIALIZED = 0x400,
	SERIAL_RW_SESSION = 6, USER = 1, LABEL = 3, SESSIONS = 64
};

static struct list *real, ours;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char control[8192];   /* the file, as it was at the last call */
static unsigned calls[COUNT]; /* since it changed */

/* An encryption under way whose IV the shim chose. */
static struct own_iv {
	word session;
	unsigned char *caller, iv[IV_LENGTH];
	int append;
} own[SESSIONS];

/* A key that will be gone, and the PIN that makes it so. */
static struct {
	int told;
	word slot;
	struct attribute label;
	char pin[64];
} lie;

/* What the control file wants of one call. */
struct wish {
	int fails, size, lie, rw;
	word code, new_size;
	char iv[16], pin[64];
};

static void read_control(void)
{
	char now[sizeof control] = "";
	int fd = open(getenv("SHIM_CONTROL") ? getenv("SHIM_CONTROL") : "", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		ssize_t n = read(fd, now, sizeof now - 1);
		now[n > 0 ? n : 0] = 0;
		close(fd);
	}
	if (strcmp(now, control) != 0) {
		strcpy(control, now);
		memset(calls, 0, sizeof calls);
	}
}

static void append_line(const char *path, const char *text)
{
	char line[64];
	int n = snprintf(line, sizeof line, "%s\n", text);
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, line, n) != n)
		abort(); /* a count that is too low would make a test pass */
	close(fd);
}

static void wait_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
	nanosleep(&t, NULL);
}

/* consult reads what the control file wants of a call of function n. It holds
 * the lock while it reads, not while it waits. */
static struct wish consult(int n)
{
	struct wish w = { 0 };
	char text[sizeof control], *rest, *line;
	long delay = 0;

	pthread_mutex_lock(&lock);
	read_control();
	strcpy(text, control);
	unsigned count = calls[n]++;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char name[32] = "", action[512] = "", arg[256] = "", *at;
		unsigned after = 0, times = ~0u;
		if (sscanf(line, "%31s %511s %255s", name, action, arg) < 2)
			continue;
		if (strcmp(name, "log") == 0)
			append_line(action, names[n]);
		if (strcmp(name, names[n]) != 0)
			continue;
		if ((at = strstr(line, " after ")))
			after = atoi(at + 7);
		if ((at = strstr(line, " times ")))
			times = atoi(at + 7);
		if (count < after || count - after >= times)
			continue;
		if (strcmp(action, "return") == 0)
			w.fails = 1, w.code = strtoul(arg, NULL, 0);
		else if (strcmp(action, "delay") == 0)
			delay = atol(arg);
		else if (strcmp(action, "crash") == 0)
			*(volatile int *)0 = 0;
		else if (strcmp(action, "exit") == 0)
			_exit(3);
		else if (strcmp(action, "size") == 0)
			w.size = 1, w.new_size = strtoul(arg, NULL, 0);
		else if (strcmp(action, "iv") == 0)
			snprintf(w.iv, sizeof w.iv, "%.15s", arg);
		else if (strcmp(action, "pin") == 0)
			snprintf(w.pin, sizeof w.pin, "%.63s", arg);
		else if (strcmp(action, "lie") == 0)
			w.lie = 1;
		else if (strcmp(action, "rw") == 0)
			w.rw = 1;
		else
			abort(); /* a slip in the control file */
	}
	pthread_mutex_unlock(&lock);
	if (delay)
		wait_ms(delay);
	return w;
}

static const struct { const char *name; word bit; } flag_names[] = {
	{ "WRITE_PROTECTED", 0x2 }, { "LOGIN_REQUIRED", 0x4 }, { "USER_PIN_INITIALIZED", 0x8 },
	{ "PROTECTED_AUTHENTICATION_PATH", 0x100 }, { "TOKEN_INITIALIZED", 0x400 },
	{ "USER_PIN_COUNT_LOW", 0x10000 }, { "USER_PIN_FINAL_TRY", 0x20000 },
	{ "USER_PIN_LOCKED", 0x40000 }, { "USER_PIN_TO_BE_CHANGED", 0x80000 },
};

static void change_flags(word *flags)
{
	char text[sizeof control], *rest, *more, *line, *w;
	pthread_mutex_lock(&lock);
	strcpy(text, control);
	pthread_mutex_unlock(&lock);
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (strncmp(line, "flags ", 6) != 0)
			continue;
		for (w = strtok_r(line + 6, " ", &more); w; w = strtok_r(NULL, " ", &more)) {
			size_t i, known = sizeof flag_names / sizeof *flag_names;
			for (i = 0; i < known && strcmp(w + 1, flag_names[i].name) != 0; i++)
				;
			if (i == known)
				abort(); /* a slip in the control file */
			*flags = *w == '+' ? *flags | flag_names[i].bit : *flags & ~flag_names[i].bit;
		}
	}
}

/* The encryption of a session whose IV is the shim's; with make, a place for
 * a new one. */
static struct own_iv *own_iv(word session, int make)
{
	struct own_iv *o, *found = NULL;
	pthread_mutex_lock(&lock);
	for (o = own; o < own + SESSIONS; o++)
		if (o->session == session || (make && !found && !o->session))
			found = o;
	if (found)
		found->session = session;
	pthread_mutex_unlock(&lock);
	return found;
}

/* begin_encrypt replaces the caller's IV by one of the token's own. */
static word begin_encrypt(const char *how, word session, const struct mechanism *m, word key)
{
	struct gcm params = *(const struct gcm *)m->param;
	struct mechanism changed = { m->type, &params, m->length };
	struct own_iv *o = own_iv(session, 1);
	if (!o)
		return GENERAL_ERROR;
	o->caller = params.iv;
	o->append = strncmp(how, "append", 6) == 0;
	if (strstr(how, "zero"))
		memset(o->iv, 0, IV_LENGTH);
	else if (strstr(how, "same"))
		memset(o->iv, 'x', IV_LENGTH);
	else if (getrandom(o->iv, IV_LENGTH, 0) != IV_LENGTH)
		return GENERAL_ERROR;
	params.iv = o->iv;
	params.iv_length = IV_LENGTH;
	params.iv_bits = IV_LENGTH * 8;
	return real->f[EncryptInit](session, (word)&changed, key, 0, 0, 0, 0, 0);
}

static word encrypt(word session, word in, word in_length, unsigned char *out, word *out_length)
{
	struct own_iv *o = own_iv(session, 0);
	word room = *out_length, rv, tail;
	if (!o)
		return real->f[Encrypt](session, in, in_length, (word)out, (word)out_length, 0, 0, 0);
	tail = o->append ? IV_LENGTH : 0;
	rv = real->f[Encrypt](session, in, in_length, (word)out, (word)out_length, 0, 0, 0);
	if (rv != OK)
		return rv;
	*out_length += tail;
	if (!out)
		return OK;
	if (*out_length > room)
		return BUFFER_TOO_SMALL;
	memcpy(tail ? out + *out_length - tail : o->caller, o->iv, IV_LENGTH);
	o->session = 0;
	return OK;
}

/* make_lie remembers a new key by its label. */
static void make_lie(word session, const struct attribute *a, word n)
{
	struct { word slot, state, flags, error; } info;
	for (; n > 0 && a->type != LABEL; a++, n--)
		;
	if (n == 0 || real->f[GetSessionInfo](session, (word)&info, 0, 0, 0, 0, 0, 0) != OK)
		abort(); /* the test would show nothing */
	lie.told = 1;
	lie.slot = info.slot;
	lie.label = *a;
	lie.label.value = memcpy(malloc(a->length), a->value, a->length);
}

/* come_true destroys that key, in a session and a login of its own. */
static void come_true(void)
{
	word session, key[8], n = 0;
	if (!lie.told)
		return;
	lie.told = 0;
	real->f[OpenSession](lie.slot, SERIAL_RW_SESSION, 0, 0, (word)&session, 0, 0, 0);
	real->f[Login](session, USER, (word)lie.pin, strlen(lie.pin), 0, 0, 0, 0);
	real->f[FindObjectsInit](session, (word)&lie.label, 1, 0, 0, 0, 0, 0);
	real->f[FindObjects](session, (word)key, 8, (word)&n, 0, 0, 0, 0);
	real->f[FindObjectsFinal](session, 0, 0, 0, 0, 0, 0, 0);
	while (n > 0)
		real->f[DestroyObject](session, key[--n], 0, 0, 0, 0, 0, 0);
}

static word call(int n, word a, word b, word c, word d, word e, word f, word g, word h)
{
	struct wish w = consult(n);
	word rv;

	if (w.fails)
		return w.code;
	if (w.rw && !(b & 2)) /* CKF_RW_SESSION */
		return SESSION_READ_WRITE_SO_EXISTS;
	if (n == Login && *w.pin && !c)
		c = (word)w.pin, d = strlen(w.pin);
	if (n == Login)
		snprintf(lie.pin, sizeof lie.pin, "%.*s", (int)d, (char *)c);
	if (n == Finalize)
		come_true();
	if (n == EncryptInit) {
		struct own_iv *old = own_iv(a, 0);
		if (old)
			old->session = 0;
		if (*w.iv && b && ((struct mechanism *)b)->type == AES_GCM)
			return begin_encrypt(w.iv, a, (struct mechanism *)b, c);
	}
	if (n == Encrypt)
		rv = encrypt(a, b, c, (unsigned char *)d, (word *)e);
	else
		rv = real->f[n](a, b, c, d, e, f, g, h);
	if (rv != OK)
		return rv;
	switch (n) {
	case GetTokenInfo:
		if (*(word *)(b + TOKEN_FLAGS_AT) & TOKEN_INITIALIZED)
			change_flags((word *)(b + TOKEN_FLAGS_AT));
		break;
	case GenerateKey:
		if (w.lie)
			make_lie(a, (struct attribute *)c, d);
		break;
	case Encrypt: case Decrypt: case Sign:
		if (w.size)
			*(word *)e = w.new_size;
		break;
	case FindObjects:
		if (w.size)
			*(word *)d = w.new_size;
		break;
	case GetSlotList: case GetMechanismList:
		if (w.size)
			*(word *)c = w.new_size;
		break;
	case GetAttributeValue: /* of every attribute that was asked */
		for (word i = 0; w.size && i < d; i++)
			((struct attribute *)c)[i].length = w.new_size;
		break;
	}
	return rv;
}

#define F(name) \
	static word shim_##name(word a, word b, word c, word d, word e, word f, word g, word h) \
	{ return call(name, a, b, c, d, e, f, g, h); }
FUNCTIONS(F)
#undef F

word C_GetFunctionList(struct list **out)
{
	if (!real) {
		const char *path = getenv("SHIM_LIBRARY");
		void *lib = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
		word (*get)(struct list **) = lib ? (word (*)(struct list **))dlsym(lib, "C_GetFunctionList") : NULL;
		if (!get || get(&real) != OK)
			return GENERAL_ERROR;
		memcpy(ours.version, real->version, sizeof ours.version);
#define F(name) ours.f[name] = shim_##name;
		FUNCTIONS(F)
#undef F
		ours.f[GetFunctionList] = (function)(void *)C_GetFunctionList;
	}
	*out = &ours;
	return OK;
}
