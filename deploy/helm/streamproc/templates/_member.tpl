{{/*
A group member: a StatefulSet whose pods keep their names, and with them their places in the consumer
group, and their folders. Of (dict "root" $ "role" "worker" "of" .Values.worker "command" (list …)).
*/}}
{{- define "streamproc.member" -}}
{{- $name := printf "%s-%s" (include "streamproc.name" .root) .role -}}
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ $name }}
  labels: {{- include "streamproc.labels" . | nindent 4 }}
spec:
  serviceName: {{ $name }}
  {{- if not (and (eq .role "worker") .root.Values.autoscaling.enabled) }}
  replicas: {{ .of.replicas }}
  {{- end }}
  # A pod that waits for brokers is not to keep the others from starting.
  podManagementPolicy: Parallel
  updateStrategy: {type: RollingUpdate}
  selector:
    matchLabels: {{- include "streamproc.selector" . | nindent 6 }}
  template:
    metadata:
      labels: {{- include "streamproc.labels" . | nindent 8 }}
    spec:
      serviceAccountName: {{ include "streamproc.name" .root }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ .of.terminationGracePeriodSeconds }}
      {{- with .root.Values.imagePullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext: {{- include "streamproc.podSecurity" . | nindent 8 }}
      {{- include "streamproc.scheduling" . | nindent 6 }}
      containers:
        - name: {{ .role }}
          image: {{ include "streamproc.image" .root | quote }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          args: {{- toYaml .command | nindent 12 }}
          env:
            - name: STREAMPROC_{{ upper .role }}_INSTANCE_ID
              valueFrom: {fieldRef: {fieldPath: metadata.name}}
            {{- include "streamproc.variables" (dict "root" .root "own" .of.settings) | nindent 12 }}
          {{- with get .root.Values.secrets .role }}
          envFrom:
            - secretRef: {name: {{ . }}}
          {{- end }}
          ports:
            - {name: metrics, containerPort: {{ .root.Values.metrics.port }}}
          {{- include "streamproc.probes" . | nindent 10 }}
          securityContext: {{- include "streamproc.containerSecurity" . | nindent 12 }}
          resources: {{- toYaml .of.resources | nindent 12 }}
          volumeMounts: {{- include "streamproc.mounts" .root | nindent 12 }}
      volumes: {{- include "streamproc.volumes" .root | nindent 8 }}
  volumeClaimTemplates:
    - apiVersion: v1
      kind: PersistentVolumeClaim
      metadata:
        name: state
      spec:
        accessModes: [ReadWriteOnce]
        {{- with .of.storage.storageClassName }}
        storageClassName: {{ . }}
        {{- end }}
        resources: {requests: {storage: {{ .of.storage.size }}}}
---
# Names for the pods; nobody connects to it.
apiVersion: v1
kind: Service
metadata:
  name: {{ $name }}
  labels: {{- include "streamproc.labels" . | nindent 4 }}
spec:
  clusterIP: None
  selector: {{- include "streamproc.selector" . | nindent 4 }}
  ports:
    - {name: metrics, port: {{ .root.Values.metrics.port }}, targetPort: metrics}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $name }}
  labels: {{- include "streamproc.labels" . | nindent 4 }}
spec:
  {{- toYaml .of.podDisruptionBudget | nindent 2 }}
  selector:
    matchLabels: {{- include "streamproc.selector" . | nindent 6 }}
{{- end }}
