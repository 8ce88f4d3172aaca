if let Err(error) = store.record_host(func, |store| invoke_host(store, trampoline, instance, inout, call_hooks)) {
