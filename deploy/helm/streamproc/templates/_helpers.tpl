{{- define "streamproc.name" -}}
{{ printf "%s" .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "streamproc.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* Of (dict "root" $ "role" "worker"): what selects a role's pods. */}}
{{- define "streamproc.selector" -}}
app.kubernetes.io/name: streamproc
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{- define "streamproc.labels" -}}
{{ include "streamproc.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* Settings, by section, as variables: those of all parts, then the role's own. */}}
{{- define "streamproc.variables" -}}
{{- $settings := mergeOverwrite (deepCopy .root.Values.settings) (.own | default dict) }}
{{- range $section, $values := $settings }}
{{- range $name, $value := $values }}
- name: {{ printf "STREAMPROC_%s_%s" $section $name | upper }}
  value: {{ include "streamproc.text" $value | quote }}
{{- end }}
{{- end }}
- name: STREAMPROC_METRICS_PORT
  value: {{ .root.Values.metrics.port | quote }}
{{- if .root.Values.rulesConfigMap }}
- name: STREAMPROC_RULES_DIRECTORY
  value: /etc/streamproc/rules
{{- end }}
{{- end }}

{{/* Helm reads numbers as floats: 10000000 would be written 1e+07. */}}
{{- define "streamproc.text" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{- define "streamproc.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "streamproc.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Of (dict "root" $ "role" "worker" "of" .Values.worker): where pods may and should run. */}}
{{- define "streamproc.scheduling" -}}
{{- with .of.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .of.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .of.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .root.Values.topologySpread.enabled }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: {{ .root.Values.topologySpread.topologyKey }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "streamproc.selector" . | nindent 8 }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "streamproc.selector" . | nindent 8 }}
{{- end }}
{{- end }}

{{- define "streamproc.probes" -}}
# A first start reads the topics of identities to their ends: up to ten minutes.
startupProbe:
  httpGet: {path: /healthz, port: metrics}
  periodSeconds: 5
  failureThreshold: 120
livenessProbe:
  httpGet: {path: /healthz, port: metrics}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: metrics}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end }}

{{- define "streamproc.mounts" -}}
- {name: state, mountPath: /var/lib/streamproc}
- {name: tmp, mountPath: /tmp}
{{- if .Values.tlsSecret }}
- {name: tls, mountPath: /etc/streamproc/tls, readOnly: true}
{{- end }}
{{- if .Values.rulesConfigMap }}
- {name: rules, mountPath: /etc/streamproc/rules, readOnly: true}
{{- end }}
{{- end }}

{{- define "streamproc.volumes" -}}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 64Mi}
{{- with .Values.tlsSecret }}
- name: tls
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- with .Values.rulesConfigMap }}
- name: rules
  configMap: {name: {{ . }}}
{{- end }}
{{- end }}
