# السجلات على ذاكرة محمولة أو بالبريد.
bundle-title = بذاكرة محمولة أو بالبريد
bundle-lead = حيث لا تصل الشبكة تنتقل السجلات في ملف مختوم. لا يفتحه إلا المراكز التي كُتب لها، فلا تكشف الذاكرة الضائعة شيئًا لأحد.

bundle-write-heading = إرسال ملف
bundle-write-to = لأي مراكز؟
bundle-write-nobody = لا يوجد بعد مركز آخر يُسمح له باستلام السجلات.
field-bundle-all = كل شيء، لا الجديد فقط
hint-bundle-all = ملف أكبر. لمركز فقد سجلات أو أُبلغ بأن شيئًا ينقصه.
bundle-write-submit = حفظ الملف

bundle-read-heading = استلام ملف
field-bundle-file = ملف من مركز آخر
hint-bundle-file = ينتهي اسمه عادةً بـ .chaski. استلام الملف نفسه مرتين لا يضر.
bundle-read-submit = استلام

bundle-taken = قُرئ الملف الآتي من { $site }
bundle-made = وقت كتابته
bundle-records = السجلات فيه
bundle-changes = التغييرات فيه
bundle-new = جديد أو تغيّر هنا
bundle-in-sync = يملك هذا المركز الآن ما كان لدى { $site } حينها.
bundle-gap = يعتمد على سجلات لم تصل إلى هنا قط. اطلب من { $site } ملفًا فيه كل شيء.
bundle-refused = { $count ->
    [zero] لم يُرفض أي تغيير.
    [one] رُفض تغيير واحد، واستُلم الباقي.
    [two] رُفض تغييران، واستُلم الباقي.
    [few] رُفضت { $count } تغييرات، واستُلم الباقي.
    [many] رُفض { $count } تغييرًا، واستُلم الباقي.
   *[other] رُفض { $count } تغيير، واستُلم الباقي.
}
bundle-quarantined = { $count ->
    [zero] لم يوضع أي تغيير جانبًا.
    [one] وُضع تغيير واحد جانبًا، واستُلم الباقي.
    [two] وُضع تغييران جانبًا، واستُلم الباقي.
    [few] وُضعت { $count } تغييرات جانبًا، واستُلم الباقي.
    [many] وُضع { $count } تغييرًا جانبًا، واستُلم الباقي.
   *[other] وُضع { $count } تغيير جانبًا، واستُلم الباقي.
}
bundle-problems = ما الخطأ فيها، للمسؤول
bundle-partly-taken = استُلم ما كان قبل ذلك، ونسخة سليمة من الملف تأتي بالباقي.
bundle-nothing-taken = لم يُستلم منه شيء.

bundle-fault-none = هذا ليس ملفًا من مركز آخر.
bundle-fault-version = كُتب الملف بإصدار آخر من Chaski لا يقرؤه هذا الإصدار.
bundle-fault-network = الملف من شبكة أخرى.
bundle-fault-not-for = الملف ليس لهذا المركز. على من كتبه أن يختار هذا المركز أيضًا.
bundle-fault-altered = تغيّر الملف أو تلف في الطريق.
bundle-fault-cut = الملف مقطوع ونهايته مفقودة. ربما لم يُنسخ كاملًا.
bundle-fault-extended = أُضيف شيء بعد نهاية الملف.
bundle-fault-malformed = ليس هذا ما تكتبه عقدة.

bundle-problem = لم ينجح ذلك
bundle-failed-nobody = اختر مركزًا واحدًا على الأقل.
bundle-failed-no-file = اختر الملف أولًا.
bundle-failed-form-old = انتهت صلاحية النموذج. لم يُستلم شيء: اختر الملف من جديد.
bundle-failed-stranger = كتب الملفَ { $site }، وهو غير معروف كمركز في هذه الشبكة. لم يُستلم منه شيء.
bundle-failed-revoked = كتب الملفَ { $site }، وقد أُخرج من هذه الشبكة. لم يُستلم منه شيء.
bundle-failed-recipients = لا يمكن كتابة ملف لهذه المراكز: أحدها لا يُسمح له باستلام المزيد، أو لا يوجد ما يُسمح لها جميعًا بحفظه. اختر غيرها، أو مركزًا واحدًا في كل مرة.
bundle-failed-disk-full = القرص على وشك الامتلاء. ما استُلم حتى الآن محفوظ. عند توفر مساحة استلم الملف نفسه مرة أخرى.
bundle-failed-interrupted = لم يصل الملف كاملًا. ما استُلم حتى الآن محفوظ: استلم الملف نفسه مرة أخرى.
bundle-failed-busy = هذه العقدة مشغولة بملفات أخرى. انتظر لحظة ثم حاول مجددًا.
