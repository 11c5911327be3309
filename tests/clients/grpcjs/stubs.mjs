// Makes stubs from the .proto files of the repository, and promises out of their callbacks.
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';
import protobuf from 'protobufjs';

const protoRoot = fileURLToPath(new URL('../../../proto', import.meta.url));

const files = ['holt/cache/v1/cache_service.proto', 'holt/cluster/v1/topology_service.proto', 'holt/cluster/v1/admin_service.proto'];

// 64-bit numbers come as decimal strings, enums by name, a oneof also says which of its fields is set.
const options = { longs: String, enums: String, oneofs: true, defaults: true, includeDirs: [protoRoot] };

const holt = grpc.loadPackageDefinition(loader.loadSync(files, options)).holt;

// grpc.health.v1, field for field (github.com/grpc/grpc, health.proto): it is not one of Holt's own files.
const health = grpc.loadPackageDefinition(
  loader.fromJSON(
    protobuf.parse(`syntax = "proto3"; package grpc.health.v1;
      message HealthCheckRequest { string service = 1; }
      message HealthCheckResponse {
        enum ServingStatus { UNKNOWN = 0; SERVING = 1; NOT_SERVING = 2; SERVICE_UNKNOWN = 3; }
        ServingStatus status = 1;
      }
      service Health { rpc Check(HealthCheckRequest) returns (HealthCheckResponse); }`).root.toJSON(),
    options,
  ),
).grpc.health.v1;

// The status of a failed call travels as google.rpc.Status, whose details are Any; only what is needed of both.
const { root } = protobuf.parse(`syntax = "proto3";
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }`);
const Status = root.lookupType('Status');
const errors = new protobuf.Root();
errors.resolvePath = (_, target) => `${protoRoot}/${target}`;
const ErrorDetail = errors.loadSync('holt/cache/v1/error.proto').lookupType('holt.cache.v1.ErrorDetail');

export const code = grpc.status;

// errorDetail takes Holt's ErrorDetail out of the error of a call.
export function errorDetail(err) {
  const bytes = err.metadata?.get('grpc-status-details-bin')[0];
  if (!bytes) throw new Error(`no status details in: ${err}`);
  const any = Status.decode(bytes).details.find((d) => d.typeUrl.endsWith('/holt.cache.v1.ErrorDetail'));
  if (!any) throw new Error(`no ErrorDetail in: ${err}`);
  return ErrorDetail.toObject(ErrorDetail.decode(any.value), { enums: String, longs: String, defaults: true });
}

// connect opens one connection and returns the clients on it.
export function connect(addr) {
  const credentials = grpc.credentials.createInsecure();
  const clients = {
    cache: new holt.cache.v1.CacheService(addr, credentials),
    topology: new holt.cluster.v1.TopologyService(addr, credentials),
    admin: new holt.cluster.v1.AdminService(addr, credentials),
    health: new health.Health(addr, credentials),
  };
  return { ...clients, close: () => Object.values(clients).forEach((c) => c.close()) };
}

// deadline is the options of a call that has so many milliseconds.
export function deadline(ms = 5000) {
  return { deadline: Date.now() + ms };
}

// call makes one call and returns its response, or throws its error.
export function call(client, method, request = {}) {
  return new Promise((resolve, reject) => {
    client[method](request, deadline(), (err, response) => (err ? reject(err) : resolve(response)));
  });
}

// refused makes a call that has to fail and returns its error.
export async function refused(client, method, request) {
  try {
    await call(client, method, request);
  } catch (err) {
    return err;
  }
  throw new Error(`${method} was not refused`);
}
