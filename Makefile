# Bare `make` lists the targets. A target's one line is the comment after its ##.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Tools that are no dependency of the program: pinned here, not in go.mod, and installed into bin/.
# The two plugins match google.golang.org/protobuf and google.golang.org/grpc of go.mod.
BUF_VERSION                := v1.75.0
PROTOC_GEN_GO_VERSION      := v1.36.12
PROTOC_GEN_GO_GRPC_VERSION := v1.6.2

BUF                := bin/.buf-$(BUF_VERSION)
PROTOC_GEN_GO      := bin/.protoc-gen-go-$(PROTOC_GEN_GO_VERSION)
PROTOC_GEN_GO_GRPC := bin/.protoc-gen-go-grpc-$(PROTOC_GEN_GO_GRPC_VERSION)

# install-tool,module path of the command,version: a stamp that carries the version makes a new pin install anew.
define install-tool
	@mkdir -p bin && rm -f bin/.$(notdir $(1))-v*
	GOBIN=$(CURDIR)/bin go install $(1)@$(2)
	@touch $@
endef

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

## The contract: .proto files and the Go made from them.

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
