move |costs|
