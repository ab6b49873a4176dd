{{- define "tocsin.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "tocsin.managed" -}}
app.kubernetes.io/part-of: tocsin
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "tocsin.labels" -}}
{{ include "tocsin.selector" . }}
{{ include "tocsin.managed" .root }}
{{- end }}

{{- /* The parts of a pod that workers and consoles share. */}}
{{- define "tocsin.pod" -}}
automountServiceAccountToken: false
# Kubernetes would describe a Service named tocsin in variables that begin with TOCSIN_, which Tocsin refuses.
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{- define "tocsin.container" -}}
image: "{{ .root.Values.image.repository }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}"
args: [{{ .component }}]
startupProbe:
  httpGet:
    path: /livez
    port: metrics
  periodSeconds: 2
  failureThreshold: 30
readinessProbe:
  httpGet:
    path: /readyz
    port: metrics
  periodSeconds: 5
  timeoutSeconds: 3
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{- define "tocsin.env" -}}
- name: TOCSIN_KAFKA_BOOTSTRAP
  value: {{ .root.Values.brokers.bootstrap | quote }}
- name: TOCSIN_KAFKA_SECURITY_PROTOCOL
  value: SASL_SSL
- name: TOCSIN_KAFKA_SSL_CA_FILE
  value: /etc/tocsin/brokers/ca.crt
- name: TOCSIN_KAFKA_SASL_MECHANISM
  value: SCRAM-SHA-512
- name: TOCSIN_KAFKA_SASL_USERNAME
  value: {{ .own.user | quote }}
- name: TOCSIN_KAFKA_SASL_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ .own.passwordSecret }}
      key: password
- name: TOCSIN_PARTITIONS
  value: {{ .root.Values.partitions | quote }}
- name: TOCSIN_PLATFORM_FILE
  value: /etc/tocsin/registry/platform.yaml
{{- range $name, $value := merge (dict) .own.settings .root.Values.settings }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{- define "tocsin.mounts" -}}
- name: brokers
  mountPath: /etc/tocsin/brokers
  readOnly: true
- name: registry
  mountPath: /etc/tocsin/registry
  readOnly: true
{{- end }}

{{- define "tocsin.volumes" -}}
- name: brokers
  secret:
    secretName: {{ .root.Values.brokers.authoritySecret }}
    defaultMode: 0440
    items:
      - key: ca.crt
        path: ca.crt
- name: registry
  configMap:
    name: {{ .root.Values.registryConfigMap }}
{{- end }}

{{- define "tocsin.spread" -}}
- topologyKey: {{ .topologyKey }}
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "tocsin.selector" . | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}

{{- define "tocsin.disruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .root.Release.Name }}-{{ .component }}
  labels:
    {{- include "tocsin.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "tocsin.selector" . | nindent 6 }}
{{- end }}
