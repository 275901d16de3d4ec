package main

import (
	"encoding/json"
	"reflect"
	"time"

	"cordon"
)

// typed is a document made of the members that a type of the binding holds. Where Go has a zero, JSON has null.
func typed(value any) any { return member(reflect.ValueOf(value)) }

func member(value reflect.Value) any {
	switch held := value.Interface().(type) {
	case time.Time:
		if held.IsZero() {
			return nil
		}
		return held.Format(time.RFC3339Nano)
	case *cordon.Error:
		if held == nil {
			return nil
		}
		return errorDocument(held)
	}
	switch value.Kind() {
	case reflect.Pointer:
		if value.IsNil() {
			return nil
		}
		return member(value.Elem())
	case reflect.Struct:
		members := map[string]any{}
		for i := 0; i < value.NumField(); i++ {
			name := value.Type().Field(i).Tag.Get("json")
			absent := value.Field(i).Kind() == reflect.Map && value.Field(i).IsNil()
			if name != "-" && !absent {
				members[name] = member(value.Field(i))
			}
		}
		return members
	case reflect.String:
		if value.Len() == 0 {
			return nil
		}
		return value.String()
	}
	return value.Interface()
}

func document(text json.RawMessage, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	var value any
	return value, json.Unmarshal(text, &value)
}

// errorDocument has the twelve members of an error.
func errorDocument(e *cordon.Error) map[string]any {
	return map[string]any{
		"status":                 int32(e.Code),
		"name":                   e.Code.Error(),
		"message":                e.Message,
		"retryable":              e.Retryable,
		"outcome_unknown":        e.OutcomeUnknown,
		"retry_after_ms":         orNull(e.RetryAfter.Milliseconds()),
		"http_status":            orNull(int64(e.HTTPStatus)),
		"service_code":           typed(e.ServiceCode),
		"service_correlation_id": typed(e.CorrelationID),
		"request_id":             typed(e.RequestID),
		"action_id":              typed(e.ActionID),
		"pointer":                typed(e.Pointer),
	}
}

func orNull(number int64) any {
	if number == 0 {
		return nil
	}
	return number
}
