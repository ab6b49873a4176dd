"""The form of the operators' resources that `deploy/` uses, as their definitions have it: only these fields,
and no others.

Written after Strimzi 1.2 (kafka.strimzi.io/v1), KEDA 2.20 (keda.sh/v1alpha1) and the Prometheus operator 0.93
(monitoring.coreos.com/v1). A resource that needs another field of theirs needs it here as well.
"""

TEXT = {"type": "string"}
COUNT = {"type": "integer", "minimum": 1}
TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
DURATION = {"type": "string", "pattern": "^[0-9]+(ms|[smhdw])$"}


def closed(needed, optional=None):
    """Return the schema of an object with these fields and no others."""
    return {
        "type": "object",
        "required": list(needed),
        "properties": needed | (optional or {}),
        "additionalProperties": False,
    }


def several(schema):
    """Return the schema of a list that is not empty."""
    return {"type": "array", "items": schema, "minItems": 1}


def resource(spec):
    """Return the schema of a whole resource."""
    metadata = closed({"name": TEXT}, {"labels": TEXTS})
    return closed({"apiVersion": TEXT, "kind": TEXT, "metadata": metadata, "spec": spec})


_OPERATIONS = (
    "Read Write Create Delete Alter Describe ClusterAction AlterConfigs DescribeConfigs IdempotentWrite All"
)
_ACL = closed(
    {
        "resource": closed(
            {
                "type": {"enum": ["topic", "group", "cluster", "transactionalId"]},
                "name": TEXT,
                "patternType": {"enum": ["literal", "prefix"]},
            }
        ),
        "operations": several({"enum": _OPERATIONS.split()}),
    }
)
_RECORDING_RULE = closed({"record": TEXT, "expr": TEXT})
_ALERT = closed(
    {"alert": TEXT, "expr": TEXT},
    {"for": DURATION, "keep_firing_for": DURATION, "labels": TEXTS, "annotations": TEXTS},
)
_SCALING = closed(
    {
        "stabilizationWindowSeconds": {"type": "integer", "minimum": 0, "maximum": 3600},
        "policies": several(
            closed(
                {
                    "type": {"enum": ["Pods", "Percent"]},
                    "value": COUNT,
                    "periodSeconds": {"type": "integer", "minimum": 1, "maximum": 1800},
                }
            )
        ),
    }
)
_TRIGGER = closed(
    {
        "type": {"const": "prometheus"},
        "name": TEXT,
        "metricType": {"enum": ["Value", "AverageValue"]},
        # The scaler reads texts only.
        "metadata": closed(
            {"serverAddress": TEXT, "query": TEXT, "threshold": TEXT, "ignoreNullValues": TEXT}
        ),
    }
)

SCHEMAS = {
    ("kafka.strimzi.io/v1", "KafkaTopic"): resource(
        closed({"partitions": COUNT, "replicas": COUNT, "config": {"type": "object"}})
    ),
    ("kafka.strimzi.io/v1", "KafkaUser"): resource(
        closed(
            {
                "authentication": closed({"type": {"const": "scram-sha-512"}}),
                "authorization": closed({"type": {"const": "simple"}, "acls": several(_ACL)}),
            }
        )
    ),
    ("keda.sh/v1alpha1", "ScaledObject"): resource(
        closed(
            {
                "scaleTargetRef": closed({"apiVersion": TEXT, "kind": TEXT, "name": TEXT}),
                "pollingInterval": COUNT,
                "minReplicaCount": COUNT,
                "maxReplicaCount": COUNT,
                "advanced": closed(
                    {
                        "horizontalPodAutoscalerConfig": closed(
                            {"behavior": closed({"scaleUp": _SCALING, "scaleDown": _SCALING})}
                        )
                    }
                ),
                "triggers": several(_TRIGGER),
            }
        )
    ),
    ("monitoring.coreos.com/v1", "ServiceMonitor"): resource(
        closed(
            {
                "selector": closed({"matchLabels": TEXTS}),
                "jobLabel": TEXT,
                "endpoints": several(
                    closed(
                        {
                            "port": TEXT,
                            "interval": DURATION,
                            "relabelings": several(
                                closed({"sourceLabels": several(TEXT), "targetLabel": TEXT})
                            ),
                        }
                    )
                ),
            }
        )
    ),
    ("monitoring.coreos.com/v1", "PrometheusRule"): resource(
        closed(
            {
                "groups": several(
                    closed(
                        {
                            "name": TEXT,
                            "rules": several({"anyOf": [_RECORDING_RULE, _ALERT]}),
                        }
                    )
                )
            }
        )
    ),
}
