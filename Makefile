# Bare `make` lists the targets. A target's one line is the comment after its ##.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Tools that are no dependency of the program: pinned here, not in go.mod, and installed into bin/.
# The two plugins match google.golang.org/protobuf and google.golang.org/grpc of go.mod.
BUF_VERSION                := v1.75.0
PROTOC_GEN_GO_VERSION      := v1.36.12
PROTOC_GEN_GO_GRPC_VERSION := v1.6.2
STATICCHECK_VERSION        := v0.8.2
HELM_VERSION               := v3.22.0

BUF                := bin/.buf-$(BUF_VERSION)
PROTOC_GEN_GO      := bin/.protoc-gen-go-$(PROTOC_GEN_GO_VERSION)
PROTOC_GEN_GO_GRPC := bin/.protoc-gen-go-grpc-$(PROTOC_GEN_GO_GRPC_VERSION)
STATICCHECK        := bin/.staticcheck-$(STATICCHECK_VERSION)
HELM               := bin/.helm-$(HELM_VERSION)

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# Everything outside of tests/ runs inside one process, and waits half of its time: three packages at a time. Tests of real processes share the machine's cores: one package
# after the other.
UNIT_PACKAGES = $$(go list ./... | grep -v '/holt/tests/')
# `make lint` has go vet look at everything, once.
GO_TEST = go test -vet=off

# How long each fuzz target runs.
FUZZTIME ?= 5s
# How many times `make diskfaults` and `make networkfaults` let each fault happen.
ROUNDS ?= 10
# How long `make robustness` and `make robustness-long` go on; empty: until everything has been covered once.
ROBUSTNESS_TIME ?=
TIME ?= 2h
# Where runs append their results for `go run ./tests/robustness figures -from`; empty: nowhere.
RESULTS ?=
# What `make run` gives to `holt dev`, and `make bench` to what it measures.
ARGS ?=
# What `make bench` measures; `go run ./tests/bench` lists all.
SUBJECT ?= throughput

# install-tool,module path of the command,version: a stamp that carries the version makes a new pin install anew.
define install-tool
	@mkdir -p bin && rm -f bin/.$(notdir $(1))-v*
	GOBIN=$(CURDIR)/bin go install $(1)@$(2)
	@touch $@
endef

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: build run
build: ## bin/holt
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-X main.version=$(VERSION)' -o bin/holt ./cmd/holt

run: build ## a cluster of three nodes on this machine (ARGS='--dir x --port 7001' goes to holt dev)
	bin/holt dev $(ARGS)

.PHONY: test race fuzz bench bugs scale diskfaults networkfaults elastic conformance robustness robustness-long hostile figures deploy-check tools
test: tools build ## all tests: each package alone, then whole clusters
	$(GO_TEST) -p 3 $(UNIT_PACKAGES)
	$(GO_TEST) -p 1 -timeout 20m ./tests/...

race: ## the tests that run in one process, under the race detector
	@.ci/install-tools race
	CGO_ENABLED=1 $(GO_TEST) -p 3 -timeout 20m -race $$(.ci/race-packages)

fuzz: ## each fuzz target for a few seconds (FUZZTIME=5s)
	@for pkg in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "go test -run ^$$ -fuzz ^$$target$$ -fuzztime $(FUZZTIME) $$pkg"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg; \
		done; \
	done

bench: tools build ## writes/s, reads/s and latencies of three nodes, of Redis and of etcd (SUBJECT=log|latency|memory|gc|expiry|move: others; ARGS: flags)
	go run ./tests/bench $(SUBJECT) -holt bin/holt $(ARGS)

bugs: ## plant defects one at a time; a test has to notice each (ARGS='-only name', '-list', '-new -write': those tests/bugs/BUGS.md lacks)
	go run ./tests/bugs $(ARGS)

scale: tools ## parts of 320 nodes in one process, and what idle groups cost: what tests/scale/SCALE.md says
	go test -count 1 -timeout 30m -v ./tests/scale -args -all

diskfaults: tools ## power cuts, full, failing and hanging disks, damaged files under whole clusters, many times (ROUNDS=10); wants root
	go test ./tests/nemesis
	go test ./tests/cluster -count=1 -timeout 10h -v -run 'TestPowerCut|TestNodeWithA|TestNodeNeverGoesOn' -args -diskfaults=$(ROUNDS)

networkfaults: tools ## cuts, bad links, killed, paused and starved nodes, wrong clocks under whole clusters, many times (ROUNDS=10); wants root
	go test ./tests/nemesis
	go test ./tests/cluster -count=$(ROUNDS) -timeout 10h -v -run 'Isolated|WhileLinksAreCut|OnlyClients|AllIsSlow|HappensToProcesses|WithoutMemory|WhateverClocksDo|AtAnyStep|WorkloadsAreGreen' \
		-args -all

elastic: tools ## nodes that come, go and die, slots that move, whoever is killed, paused or cut off at whichever step (ROUNDS=10)
	go test ./tests/cluster -count=$(ROUNDS) -timeout 10h -v -run 'Node|Replicas|Removal|Grows|Rebalance|AtAnyStep|RedirectsWrong' -args -all

conformance: tools ## each command of the table against redis-server 7.0.15, made of a random seed, many more than in make test
	go test ./gateway/respserver -count=1 -timeout 30m -v -run TestEveryRow -args -all

# A program of its own rather than `go run`, which tells every failure by the same exit code.
ROBUSTNESS = go build -o bin/robustness ./tests/robustness && bin/robustness suite -quiet $(if $(RESULTS),-results $(RESULTS))

robustness: tools ## whole clusters under faults and work: each fault and workload once, under 8 minutes (ROBUSTNESS_TIME=2m, ARGS='-fault x'); wants root
	$(ROBUSTNESS) $(if $(ROBUSTNESS_TIME),-time $(ROBUSTNESS_TIME)) $(ARGS)

robustness-long: tools ## the same for hours (TIME=2h, RESULTS=file)
	$(ROBUSTNESS) -time $(TIME) $(ARGS)

hostile: tools ## attack a node in every way there is: no crash, memory bounded, others wait for 100 ms at most (ARGS='-crowd'); wants a quiet machine
	go build -o bin/robustness ./tests/robustness && bin/robustness hostile $(ARGS)

figures: ## the tables of tests/FIGURES.md, from tests/figures.json (ARGS='-from results' makes that first)
	go run ./tests/robustness figures $(ARGS)

deploy-check: tools $(HELM) ## deploy/ by the tools that its files are for, Helm too, which takes minutes to build at first
	go test -count 1 -v ./tests/deploy

tools: ## install what the tests use beside Go, where that needs no question
	@.ci/install-tools test

.PHONY: lint tidy-check check
lint: $(STATICCHECK) ## gofmt, go vet, staticcheck and our own rules (staticcheck.conf says why which, tests/arch)
	@unformatted=$$(gofmt -l $(wildcard cmd gateway proto raftfsm shard tests)); \
	[[ -z $$unformatted ]] || { echo "not in gofmt's layout: $$unformatted"; exit 1; }
	go vet ./...
	bin/staticcheck ./...
	go test ./tests/arch

tidy-check: ## go.mod and go.sum are what the imports need
	go mod tidy -diff
	go mod verify

check: ## what CI runs, ending with a clean workspace
	.ci/run

.PHONY: proto proto-check proto-baseline
proto: $(BUF) $(PROTOC_GEN_GO) $(PROTOC_GEN_GO_GRPC) ## make the Go code from the .proto files
	bin/buf format --write
	bin/buf lint
	find proto/holt -name '*.pb.go' -delete
	bin/buf generate

proto-check: $(BUF) $(PROTOC_GEN_GO) $(PROTOC_GEN_GO_GRPC) ## lint the .proto files, refuse breaking changes and stale generated code
	bin/buf format --diff --exit-code
	bin/buf lint
	bin/buf breaking --against proto/holt.binpb
	@fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	bin/buf generate --output "$$fresh"; \
	diff -r --brief "$$fresh/proto/holt" proto/holt --exclude='*.proto' --exclude=doc.go || \
		{ echo 'the generated code is not that of the .proto files: run make proto and commit it'; exit 1; }

# proto/holt.binpb is what `buf breaking` compares with. Renew it with each release, and in the commit of a breaking change
# that is wanted: the message of that commit says who reads the old form and why they can stop.
proto-baseline: $(BUF) ## renew the image that breaking changes are judged by
	bin/buf build --exclude-source-info --output proto/holt.binpb

$(BUF):
	$(call install-tool,github.com/bufbuild/buf/cmd/buf,$(BUF_VERSION))

$(PROTOC_GEN_GO):
	$(call install-tool,google.golang.org/protobuf/cmd/protoc-gen-go,$(PROTOC_GEN_GO_VERSION))

$(PROTOC_GEN_GO_GRPC):
	$(call install-tool,google.golang.org/grpc/cmd/protoc-gen-go-grpc,$(PROTOC_GEN_GO_GRPC_VERSION))

$(STATICCHECK):
	$(call install-tool,honnef.co/go/tools/cmd/staticcheck,$(STATICCHECK_VERSION))

$(HELM):
	$(call install-tool,helm.sh/helm/v3/cmd/helm,$(HELM_VERSION))
