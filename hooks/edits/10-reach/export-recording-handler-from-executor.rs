        op_code_to_recording_handler,
