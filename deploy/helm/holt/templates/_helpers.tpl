{{- define "holt.fullname" -}}
{{- if contains "holt" .Release.Name -}}
{{- .Release.Name | trunc 48 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-holt" .Release.Name | trunc 48 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "holt.nodes" -}}
{{- include "holt.fullname" . }}-nodes
{{- end -}}

{{/* The part of a node's stable name that follows the name of its pod. */}}
{{- define "holt.domain" -}}
{{- printf "%s.%s.svc.%s" (include "holt.nodes" .) .Release.Namespace .Values.clusterDomain -}}
{{- end -}}

{{- define "holt.selector" -}}
app.kubernetes.io/name: holt
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "holt.labels" -}}
{{ include "holt.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end -}}

{{- define "holt.image" -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}

{{- define "holt.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "holt.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/* What config leaves open. The first nodes are enough to join by, and the list stays the same when more are added. */}}
{{- define "holt.config" -}}
{{- $domain := include "holt.domain" . -}}
{{- $name := include "holt.fullname" . -}}
{{- $join := list -}}
{{- range $i := until (min 3 .Values.replicas | int) -}}
{{- $join = append $join (printf "%s-%d.%s:6381" $name $i $domain) -}}
{{- end -}}
{{- $own := dict "dir" "/var/lib/holt" "resp" "0.0.0.0:6379" "grpc" "0.0.0.0:6380" "cluster" "0.0.0.0:6381" "gossip" "0.0.0.0:6382" "http" "0.0.0.0:6383" "join" $join -}}
{{- if not .Values.auth.existingSecret -}}
{{- $own = merge $own (dict "protected-mode" "no") -}}
{{- end -}}
{{- toYaml (merge dict .Values.config $own) -}}
{{- end -}}

{{- define "holt.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "holt.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
