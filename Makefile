# Conclave needs Go 1.26, a C compiler with its library headers, make and git.
# What else is missing, the targets below set up by themselves.
#
#   make rehearse                       a rehearsal of init in this terminal
#   make rehearse ARGS='rekey -dir D'   any other; ARGS goes to "conclave rehearse"
#   make test                           every check and test, then a table of the tools
#   make test PKGS=./vaultstate/...     the same for some packages
#   make test-long                      the program killed 250 times, all leak scans; make test has a sample
#   make test-faults PART=3/20          every call to the token fails with every code, the third of 20 parts: some 10 minutes
#   make test-tokens                    package hsm on openCryptoki, a TPM and p11-kit, too (root, Debian)
#   make test-servers                   the ceremonies on HashiCorp Vault's own core, and on the servers of VAULT_BIN and OPENBAO_BIN
#   make bench                          the figures of .ci/BENCHMARKS.md, in some minutes
#   make release VERSION=v1.0           program, man pages, SBOM, .tar.gz, .deb and SHA256SUMS, in bin/release
#   make fuzz TIME=1h                   each fuzz target for so long
#   make build                          ./conclave
#   make lint                           golangci-lint alone
#   make setup                          the tools alone (softhsm2, gnupg, tmux)
#   make demo                           the recorded rehearsal (asciicast), anew
#   make pictures                       the README's pictures, anew, from a ceremony by hand
#   make clean                          removes what these targets made here

PKGS ?= ./...
ARGS ?=
PART ?= 1/1
TIME ?= 1m

GOEXPERIMENT := $(or $(GOEXPERIMENT),$(shell .ci/experiment))
export GOEXPERIMENT

# The same bytes for everybody with the same sources, Go and C compiler: no
# paths, no time; the version is git's word for the commit.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
BUILD = go build -trimpath -buildvcs=false -ldflags '-X conclave/ui/command.Version=$(VERSION)'

.PHONY: build
build:
	$(BUILD) -o conclave .

.PHONY: rehearse
rehearse:
	@.ci/setup softhsm
	@$(MAKE) --no-print-directory build
	@.ci/rehearse $(ARGS)

.PHONY: setup
setup:
	@.ci/setup softhsm nss gpg sq tmux

.PHONY: test
test: setup
	@PKGS='$(PKGS)' .ci/test

.PHONY: test-long
test-long:
	@.ci/setup softhsm
	CONCLAVE_LONG=1 REQUIRE=softhsm go test -timeout 60m -v -run '^(TestKill|TestLeaks)$$' .
	CONCLAVE_LONG=1 GOEXPERIMENT= go test -timeout 60m -v -run '^(TestKilledAnywhere|TestKilledElsewhere|TestFaultsEverywhere|TestCommitFaults|TestReEncryptMany)$$' ./ceremony ./vaultstate/local

.PHONY: test-faults
test-faults:
	@.ci/setup softhsm
	TMPDIR=$${TMPDIR:-$$(test -d /dev/shm && echo /dev/shm || echo /tmp)} GOEXPERIMENT= CONCLAVE_FAULTS=$(PART) REQUIRE=softhsm go test -timeout 100h -v -run '^TestTokenFaults$$' ./ui/rehearse

# As root: openCryptoki's daemon and its places are put into namespaces of the
# test's own.
.PHONY: test-tokens
test-tokens:
	@.ci/setup opencryptoki tpm2 p11kit softhsm nss
	REQUIRE=opencryptoki,tpm2,p11kit,softhsm,nss,root go test -count=1 -timeout 10m ./hsm/...

.PHONY: test-servers
test-servers:
	@.ci/setup softhsm
	@.ci/servers

.PHONY: fuzz
fuzz:
	@.ci/fuzz $(TIME) $(PKGS)

.PHONY: bench
bench:
	@.ci/setup softhsm
	@.ci/bench

# About two minutes: every person is played, at a pace that can be read.
.PHONY: demo
demo: build
	@.ci/setup softhsm
	@dir=$$(mktemp -d) && go run ./ui/cast -size 100x30 -title 'Conclave: a rehearsal of init' -out assets/pictures/rehearsal.cast \
		./conclave rehearse init -auto -dir "$$dir/D"; code=$$?; rm -rf "$$dir"; exit $$code

.PHONY: release
release:
	@.ci/setup softhsm
	@.ci/release '$(VERSION)'

.PHONY: pictures
pictures:
	@.ci/setup softhsm
	REQUIRE=softhsm go test -count=1 -run '^TestByHand$$' ./ui/e2e -update

.PHONY: lint
lint:
	@.ci/lint $(PKGS)

.PHONY: clean
clean:
	rm -f conclave
	rm -rf bin
