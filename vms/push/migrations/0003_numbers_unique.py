"""Apart from the numbering: PostgreSQL changes no table that was written in the same transaction."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("push", "0002_numbers_of_a_user")]

    operations = [
        migrations.AddConstraint(
            model_name="event",
            constraint=models.UniqueConstraint(fields=("user", "number"), name="event_user_number"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(condition=models.Q(("sent_at", None)), fields=["id"], name="event_unsent"),
        ),
    ]
